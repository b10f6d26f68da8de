#include "harness/probe/echo_flow.h"

#include <algorithm>

namespace netns_lab::probe {

namespace {

constexpr std::uint64_t kMostUnheard = 128 * 1024;
// A machine that stands still for ever ends the probe all the same.
constexpr std::chrono::seconds kMostPatience{20};

}  // namespace

EchoFlow::EchoFlow(const EchoSpec& spec, std::uint16_t identifier, std::uint64_t seed)
    : payload_(seed), next_at_(Clock::time_point::min()) {
  report_.spec = spec;
  report_.identifier = identifier;
  report_.payload_seed = seed;
  report_.source = spec.source;
  report_.echoes.reserve(spec.count);
  requests_.reserve(spec.count);
}

bool EchoFlow::may_send(Clock::time_point now) const {
  if (next_ + batched_ >= spec().count || outstanding_ + batched_ >= spec().window) return false;
  // While the neighbour is being resolved the kernel keeps about 200 KB (unres_qlen_bytes) and throws the oldest away.
  const std::uint64_t waiting = outstanding_ + batched_;
  if (!heard_ && waiting > 0 && (waiting + 1) * spec().payload_size > kMostUnheard) return false;
  return spec().interval.count() == 0 || (batched_ == 0 && now >= next_at_);
}

void EchoFlow::sent(Clock::time_point now, std::chrono::nanoseconds wall_clock) {
  --batched_;
  add_request(now).stamp = wall_clock;
  ++next_;
  ++outstanding_;
  next_at_ = now + spec().interval;
}

void EchoFlow::refused(int system_errno, Clock::time_point now) {
  --batched_;
  add_request(now).settled = true;
  report_.echoes.back().send_errno = system_errno;
  ++next_;
  next_at_ = now + spec().interval;
}

void EchoFlow::blocked() { --batched_; }

void EchoFlow::stamp(std::uint32_t request, std::chrono::nanoseconds transmit_stamp) {
  if (request >= requests_.size()) return;
  // A stamp of before the request was handed over belongs to another packet.
  if (transmit_stamp >= requests_[request].stamp) requests_[request].stamp = transmit_stamp;
}

void EchoFlow::give_up(const Error& error) {
  report_.open_errno = error.system_errno;
  report_.open_text = error.message();
  while (report_.echoes.size() < spec().count) add_echo();
  next_ = spec().count;
}

void EchoFlow::add_echo() {
  Echo& echo = report_.echoes.emplace_back();
  echo.sequence = static_cast<std::uint16_t>(report_.echoes.size());
}

EchoFlow::Request& EchoFlow::add_request(Clock::time_point now) {
  add_echo();
  Request& request = requests_.emplace_back();
  request.at = now;
  return request;
}

bool EchoFlow::intact(std::uint16_t sequence, Bytes payload) const {
  return payload_.matches(sequence, spec().payload_size, payload);
}

void EchoFlow::settle(std::uint32_t request) {
  if (requests_[request].settled) return;
  requests_[request].settled = true;
  --outstanding_;
}

void EchoFlow::reply(const EchoArrival& arrival, const IcmpMessage& message, const std::string& arrival_link) {
  if (message.sequence == 0 || message.sequence > requests_.size() ||
      report_.echoes[message.sequence - 1].send_errno != 0) {
    foreign();
    return;
  }
  heard_ = true;
  const std::uint32_t request = message.sequence - 1U;
  Echo& echo = report_.echoes[request];
  if (echo.reply) {
    ++echo.duplicates;
    return;
  }
  // A stamp is taken before the packet is delivered; that a clock was set meanwhile must not make a round trip
  // negative.
  const std::chrono::nanoseconds round_trip =
      std::max(std::chrono::nanoseconds(0), arrival.told.stamp - requests_[request].stamp);
  echo.reply = EchoReply{.source = arrival.source,
                         .arrival_link = arrival_link,
                         .ttl = arrival.ttl,
                         .round_trip = round_trip,
                         .payload_intact = arrival.checksum_right && intact(message.sequence, message.payload),
                         .payload_size = static_cast<std::uint32_t>(message.payload.size())};
  if (!report_.source) report_.source = arrival.local;
  settle(request);
}

void EchoFlow::problem(const EchoArrival& arrival, const IcmpMessage& message) {
  const std::uint16_t sequence = message.quote->sequence;
  if (sequence == 0 || sequence > requests_.size()) {
    foreign();
    return;
  }
  report_.echoes[sequence - 1U].problems.push_back(IcmpProblem{.from = arrival.source,
                                                               .type = message.type,
                                                               .code = message.code,
                                                               .mtu = message.mtu,
                                                               .about_destination = message.quote->destination,
                                                               // Only our own kernel speaks with our own address.
                                                               .local = arrival.source == message.quote->source});
  if (!report_.source) report_.source = message.quote->source;
  if (ends_the_packet(arrival.source.family(), message.type)) settle(sequence - 1U);
}

void judge_lateness(Echo& echo, Starvation::Clock::time_point sent, std::chrono::nanoseconds reply_wait,
                    const Starvation& starvation) {
  if (!echo.reply || echo.reply->round_trip <= reply_wait) return;
  const auto arrived = sent + std::chrono::duration_cast<Starvation::Clock::duration>(echo.reply->round_trip);
  echo.slow = echo.reply->round_trip <= reply_wait + starvation.within(sent, arrived);
  echo.late = !echo.slow;
}

void EchoFlow::judge_lateness(const Starvation& starvation) {
  for (std::size_t request = 0; request < requests_.size(); ++request)
    probe::judge_lateness(report_.echoes[request], requests_[request].at, spec().reply_wait, starvation);
  report_.starved = starvation.total();
}

EchoFlow::Clock::time_point EchoFlow::ends_at(Clock::time_point sent, const Starvation& starvation) const {
  if (starvation.total() == Clock::duration::zero()) return sent + spec().reply_wait;
  const Clock::duration stood = starvation.within(sent, Clock::time_point::max());
  return sent + spec().reply_wait + std::min<Clock::duration>(stood, kMostPatience);
}

void EchoFlow::expire(Clock::time_point now, const Starvation& starvation) {
  for (; oldest_ < requests_.size(); ++oldest_) {
    const Request& request = requests_[oldest_];
    if (!request.settled && now < ends_at(request.at, starvation)) return;
    settle(oldest_);
  }
}

EchoFlow::Clock::time_point EchoFlow::wakes_at(const Starvation& starvation) const {
  Clock::time_point wakes = Clock::time_point::max();
  if (may_send(next_at_)) wakes = next_at_;
  for (std::size_t request = oldest_; request < requests_.size(); ++request) {
    if (requests_[request].settled) continue;
    wakes = std::min(wakes, ends_at(requests_[request].at, starvation));
    break;
  }
  return wakes;
}

}  // namespace netns_lab::probe
