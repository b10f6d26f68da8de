#include "harness/probe/watch.h"

#include <algorithm>
#include <limits>

namespace netns_lab::probe {
namespace {

Watch::Take with_names(const std::string& network_namespace, LinkNames& names, const Watch::Take& take) {
  return [&network_namespace, &names, &take](const Seen& seen) {
    Seen named = seen;
    named.sighting.network_namespace = network_namespace;
    named.sighting.link = names.name(seen.link_index);
    take(named);
  };
}

}  // namespace

Result<Watch> Watch::start(const std::map<std::string, Capture*>& captures, std::uint16_t port, ReceiveBatch& batch) {
  Watch watch;
  watch.watched_.reserve(captures.size());
  for (const auto& [network_namespace, capture] : captures) {
    watch.watched_.push_back(Watched{network_namespace, capture, SightingReader(), LinkNames(capture->fd())});
    NETNS_LAB_TRY(capture->start(port, batch));
  }
  return watch;
}

Watch::~Watch() {
  for (Watched& watched : watched_) watched.capture->stop();
}

Result<void> Watch::drain(ReceiveBatch& batch, const Take& take) {
  for (Watched& watched : watched_) {
    const Take named = with_names(watched.network_namespace, watched.names, take);
    NETNS_LAB_TRY(
        watched.capture->drain(batch, [&](const CapturedFrame& frame) { watched.reader.read(frame, named); }));
  }
  return {};
}

Result<void> Watch::finish(ReceiveBatch& batch, const Take& take) {
  NETNS_LAB_TRY(drain(batch, take));
  for (Watched& watched : watched_) {
    watched.reader.finish(with_names(watched.network_namespace, watched.names, take));
  }
  return {};
}

Result<std::uint64_t> Watch::drops() {
  std::uint64_t sum = 0;
  for (Watched& watched : watched_) {
    NETNS_LAB_ASSIGN(const std::uint64_t drops, watched.capture->drops());
    sum += drops;
  }
  return sum;
}

std::uint32_t Watch::smallest_queue() const {
  std::uint32_t smallest = std::numeric_limits<std::uint32_t>::max();
  for (const Watched& watched : watched_) smallest = std::min(smallest, watched.capture->queue_bytes());
  return smallest;
}

std::vector<int> Watch::fds() const {
  std::vector<int> fds;
  for (const Watched& watched : watched_) fds.push_back(watched.capture->fd());
  return fds;
}

}  // namespace netns_lab::probe
