#include "harness/probe/echo_group.h"

#include <algorithm>
#include <ctime>

namespace netns_lab::probe {
namespace {

std::chrono::nanoseconds wall_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// What a request and its reply may take of a queue, as the kernel counts (skb truesize: data rounded up, and the
// descriptor), twice for loopback.
std::uint64_t queue_cost(const EchoSpec& spec) {
  const std::uint64_t fragments = spec.payload_size / 1'400 + 1;
  return 4 * std::max<std::uint64_t>(fragments * 2'560, 2ULL * spec.payload_size + 1'280);
}

}  // namespace

Result<void> EchoGroup::open(const SocketFactory& factory) {
  identifiers_ = IdentifierRange{members_.front()->identifier(), static_cast<std::uint32_t>(members_.size())};
  NETNS_LAB_ASSIGN(socket_, EchoSocket::open(factory, options_, identifiers_));
  active_ = members_;
  return {};
}

std::uint64_t EchoGroup::send(Clock::time_point now, std::uint64_t budget) {
  batch_.clear();
  const std::uint64_t limit = std::min<std::uint64_t>(budget, socket_->queue_bytes() / 2);
  std::uint64_t cost = 0;
  // In turn, from where the last batch ended, so that no flow starves.
  for (std::size_t idle = 0; idle < active_.size();) {
    turn_ %= active_.size();
    EchoFlow& flow = *active_[turn_];
    if (!flow.may_send(now)) {
      ++idle;
      ++turn_;
      continue;
    }
    const std::uint64_t more = queue_cost(flow.spec());
    if (!batch_.empty() && cost + more > limit) break;
    if (!socket_->add(flow.spec().destination, flow.identifier(), flow.next_sequence(), flow.payload(),
                      flow.spec().payload_size)) {
      break;
    }
    flow.batched();
    batch_.push_back(&flow);
    cost += more;
    idle = 0;
    ++turn_;
  }
  if (!batch_.empty()) flush(now);
  return cost;
}

void EchoGroup::flush(Clock::time_point now) {
  const std::chrono::nanoseconds clock = wall_clock();
  blocked_ = false;
  const auto outcomes = socket_->flush();
  for (std::size_t position = 0; position < outcomes.size(); ++position) {
    EchoFlow& flow = *batch_[position];
    if (outcomes[position].blocked) {
      flow.blocked();
      blocked_ = true;
    } else if (outcomes[position].refused != 0) {
      flow.refused(outcomes[position].refused, now);
    } else {
      if (!options_.flood) sent_log_.push_back(Logged{&flow, flow.next()});
      flow.sent(now, clock);
    }
  }
}

Result<bool> EchoGroup::receive(ReceiveBatch& batch) {
  if (!options_.flood) NETNS_LAB_TRY(take_stamps(batch));
  for (bool any = false;; any = true) {
    NETNS_LAB_ASSIGN(const std::size_t received, socket_->receive(batch));
    for (std::size_t index = 0; index < received; ++index) take(batch, index);
    if (received < ReceiveBatch::kSlots) return any || received > 0;
  }
}

Result<void> EchoGroup::take_stamps(ReceiveBatch& batch) {
  NETNS_LAB_ASSIGN(const auto stamps, socket_->take_stamps(batch));
  for (const EchoSocket::Stamp& stamp : stamps) {
    if (stamp.request >= sent_log_.size()) continue;
    const Logged& logged = sent_log_[stamp.request];
    logged.flow->stamp(logged.request, stamp.time);
  }
  return {};
}

void EchoGroup::take(const ReceiveBatch& batch, std::size_t index) {
  EchoArrival arrival = socket_->arrival(batch, index);
  // The kernel begins to stamp a moment after it was first asked to (net/core/dev.c, netstamp_work).
  if (arrival.told.stamp.count() == 0) arrival.told.stamp = wall_clock();
  overflow_ = std::max<std::uint64_t>(overflow_, arrival.told.overflow);
  const auto message = parse_icmp(options_.family, arrival.message);
  if (!message) return;
  if (message->kind == IcmpKind::kEchoReply) {
    EchoFlow* flow = owner(message->identifier);
    if (flow != nullptr) flow->reply(arrival, *message, socket_->links().name(arrival.told.arrival_index));
  } else if (message->kind == IcmpKind::kProblem && message->quote && message->quote->is_echo_request) {
    EchoFlow* flow = owner(message->quote->identifier);
    if (flow != nullptr) flow->problem(arrival, *message);
  }
}

EchoFlow* EchoGroup::owner(std::uint16_t identifier) const {
  if (!identifiers_.contains(identifier)) return nullptr;
  return members_[static_cast<std::size_t>(identifier - identifiers_.first)];
}

bool EchoGroup::settle(Clock::time_point now, const Starvation& starvation) {
  std::erase_if(active_, [&](EchoFlow* flow) {
    flow->expire(now, starvation);
    return flow->done();
  });
  return active_.empty();
}

EchoGroup::Clock::time_point EchoGroup::wakes_at(const Starvation& starvation) const {
  Clock::time_point wakes = Clock::time_point::max();
  for (const EchoFlow* flow : active_) wakes = std::min(wakes, flow->wakes_at(starvation));
  return wakes;
}

bool EchoGroup::awaits_replies() const {
  return std::ranges::any_of(active_, [](const EchoFlow* flow) { return flow->awaits_replies(); });
}

}  // namespace netns_lab::probe
