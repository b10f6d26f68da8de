#include "harness/probe/capture_pool.h"

#include <sys/socket.h>

namespace netns_lab::probe {

CapturePool::CapturePool(SocketFactory factory) : factory_(std::move(factory)) {}

CapturePool::~CapturePool() { release_all(); }

void CapturePool::release_all() {
  for (auto& [name, capture] : captures_) closer_.close(capture.release());
  captures_.clear();
}

Result<Capture*> CapturePool::get(const std::string& network_namespace) {
  const auto known = captures_.find(network_namespace);
  if (known != captures_.end()) {
    if (network_namespace.empty()) return &known->second;
    // The name may have come to mean another namespace: what a new socket belongs to tells.
    const auto witness = factory_(network_namespace, AF_UNIX, SOCK_DGRAM, 0);
    if (witness) {
      NETNS_LAB_ASSIGN(const NamespaceIdentity identity, identity_of_socket(witness->get()));
      if (identity == known->second.identity()) return &known->second;
    }
    release(network_namespace);
    if (!witness) return tl::unexpected(witness.error());
  }
  NETNS_LAB_ASSIGN(Capture capture, Capture::open(factory_, network_namespace));
  return &captures_.emplace(network_namespace, std::move(capture)).first->second;
}

void CapturePool::release(const std::string& network_namespace) {
  const auto known = captures_.find(network_namespace);
  if (known == captures_.end()) return;
  closer_.close(known->second.release());
  captures_.erase(known);
}

void CapturePool::release_named() {
  for (auto capture = captures_.begin(); capture != captures_.end();) {
    const auto here = capture++;
    if (here->first.empty()) continue;
    closer_.close(here->second.release());
    captures_.erase(here);
  }
}

}  // namespace netns_lab::probe
