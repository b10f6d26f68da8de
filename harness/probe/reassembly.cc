#include "harness/probe/reassembly.h"

#include <algorithm>

namespace netns_lab::probe {
namespace {

constexpr std::uint32_t kLargestPacket = 65'535;
constexpr std::size_t kOverhead = 128;  // what a piece costs beside its bytes, roughly: empty pieces count, too

}  // namespace

std::optional<Reassembled> Reassembly::add(std::uint64_t place, const IpPacket& packet) {
  if (!packet.fragment) return std::nullopt;
  const IpFragment& fragment = *packet.fragment;
  const auto size = static_cast<std::uint32_t>(packet.payload.size());
  if (fragment.offset + size > kLargestPacket) return std::nullopt;
  while (bytes_ + size + kOverhead > most_bytes_ && !unfinished_.empty()) forget_oldest();

  const Key key{place, packet.source, packet.destination, fragment.identification};
  Pieces& pieces = unfinished_[key];
  if (pieces.fragments == 0) pieces.age = age_++;
  ++pieces.fragments;
  if (fragment.offset == 0) {
    pieces.protocol = packet.protocol;
    pieces.ttl = packet.ttl;
  }
  if (!fragment.more) pieces.total = fragment.offset + size;
  const auto [piece, is_new] =
      pieces.by_offset.try_emplace(fragment.offset, packet.payload.begin(), packet.payload.end());
  if (is_new) {
    pieces.bytes += size;
    pieces.cost += size + kOverhead;
    bytes_ += size + kOverhead;
  }
  if (!pieces.total || pieces.bytes < *pieces.total) return std::nullopt;
  Reassembled whole = join(pieces);
  if (!whole.complete) return std::nullopt;
  bytes_ -= pieces.cost;
  unfinished_.erase(key);
  return whole;
}

Reassembled Reassembly::join(const Pieces& pieces) {
  Reassembled joined;
  joined.protocol = pieces.protocol;
  joined.ttl = pieces.ttl;
  joined.fragments = pieces.fragments;
  for (const auto& [offset, bytes] : pieces.by_offset) {
    const std::size_t have = joined.payload.size();
    if (offset > have) break;
    const std::size_t known = have - offset;
    if (known < bytes.size()) {
      joined.payload.insert(joined.payload.end(), bytes.begin() + static_cast<std::ptrdiff_t>(known), bytes.end());
    }
  }
  joined.complete = pieces.total && joined.payload.size() == *pieces.total;
  return joined;
}

void Reassembly::forget_oldest() {
  const auto oldest = std::ranges::min_element(
      unfinished_, [](const auto& left, const auto& right) { return left.second.age < right.second.age; });
  bytes_ -= oldest->second.cost;
  unfinished_.erase(oldest);
}

std::vector<std::pair<Reassembly::Key, Reassembled>> Reassembly::take_unfinished() {
  std::vector<std::pair<std::uint64_t, Key>> order;
  for (const auto& [key, pieces] : unfinished_) order.emplace_back(pieces.age, key);
  std::ranges::sort(order);
  std::vector<std::pair<Key, Reassembled>> taken;
  for (const auto& [age, key] : order) taken.emplace_back(key, join(unfinished_.at(key)));
  unfinished_.clear();
  bytes_ = 0;
  return taken;
}

}  // namespace netns_lab::probe
