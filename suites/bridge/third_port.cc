#include "suites/bridge/third_port.h"

#include <chrono>
#include <utility>

#include "suites/bridge/scenario.h"

namespace netns_lab::bridge {
namespace {

constexpr auto kPort = "nl-third0";

// A bridge without a MAC address of its own takes the lowest of its ports' (br_stp_recalculate_bridge_id,
// net/bridge/br_stp_if.c): ours is higher than any that the kernel draws, so that the gateway keeps its own.
MacAddress highest_mac() { return MacAddress({0xfe, 0xff, 0xff, 0xff, 0xff, 0xf0}); }

SetLink raised(const std::string& network_namespace, const std::string& link) {
  SetLink change;
  change.network_namespace = network_namespace;
  change.name = link;
  change.up = true;
  return change;
}

}  // namespace

Result<ThirdPort> ThirdPort::create(Subject& subject) {
  ThirdPort third(subject);
  protocol::AwaitRequest gone;  // the one before it may still be going (--repeat)
  gone.links = {{"", kPort, false, false}};
  gone.absent_namespaces = {third.name_};
  NETNS_LAB_TRY(subject.node().await_kernel(gone, std::chrono::seconds(5)));
  CreateVeth pair;
  pair.name = kPort;
  pair.peer_namespace = third.name_;
  pair.peer_name = kLink;
  pair.mac = highest_mac();
  pair.master = kBridge;
  // As the other ports have it: the bridge takes the least of all, and IPv6 routes keep a lower one when it is gone.
  for (const Change& change : subject.topology().build) {
    const auto* const other = std::get_if<CreateVeth>(&change);
    if (other != nullptr) pair.mtu = other->mtu;
  }
  pair.up = true;
  NETNS_LAB_TRY(subject.node().apply({CreateNamespace{third.name_}, pair, raised(third.name_, kLink)}));
  protocol::AwaitRequest up;
  up.links = {{"", kPort, true, true}, {third.name_, kLink, true, true}};
  NETNS_LAB_TRY(subject.node().await_kernel(up, std::chrono::seconds(3)));
  return third;
}

ThirdPort::ThirdPort(ThirdPort&& other) noexcept
    : subject_(std::exchange(other.subject_, nullptr)), name_(std::move(other.name_)) {}

ThirdPort::~ThirdPort() {
  // What cannot be undone here is undone when the session ends: the names are claimed.
  if (subject_ != nullptr) static_cast<void>(subject_->node().apply({DeleteNamespace{name_}}));
}

}  // namespace netns_lab::bridge
