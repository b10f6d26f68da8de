// One EchoSpec under way: what was asked, what came, what is still awaited.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "harness/model/echo.h"
#include "harness/probe/echo_socket.h"
#include "harness/probe/icmp.h"
#include "harness/probe/payload.h"
#include "harness/probe/starvation.h"

namespace netns_lab::probe {

// Of a reply to a request that was sent at `sent`: late, when it took longer than `reply_wait` and what the machine
// stood still meanwhile; slow, when only longer than the former.
void judge_lateness(Echo& echo, Starvation::Clock::time_point sent, std::chrono::nanoseconds reply_wait,
                    const Starvation& starvation);

// Sequence numbers start at 1. No system call in here: time is handed in.
class EchoFlow {
 public:
  using Clock = std::chrono::steady_clock;

  EchoFlow(const EchoSpec& spec, std::uint16_t identifier, std::uint64_t seed);

  const EchoSpec& spec() const { return report_.spec; }
  std::uint16_t identifier() const { return report_.identifier; }
  const PayloadPattern& payload() const { return payload_; }
  EchoReport& report() { return report_; }

  // Whether a request may go out now: false when all are out, the window is full or the interval is not over.
  bool may_send(Clock::time_point now) const;
  // Of the request that goes out next.
  std::uint16_t next_sequence() const { return static_cast<std::uint16_t>(next_ + batched_ + 1); }
  std::uint32_t next() const { return next_; }  // the number of the request whose outcome is told next
  void batched() { ++batched_; }  // handed to the socket; `sent`, `refused` or `blocked` follows in the same order
  void sent(Clock::time_point now, std::chrono::nanoseconds wall_clock);
  void refused(int system_errno, Clock::time_point now);
  void blocked();  // it did not go out: it will be asked for again

  void stamp(std::uint32_t request, std::chrono::nanoseconds transmit_stamp);
  void reply(const EchoArrival& arrival, const IcmpMessage& message, const std::string& arrival_link);
  void problem(const EchoArrival& arrival, const IcmpMessage& message);  // with a quote
  void give_up(const Error& error);  // the sockets could not be opened, for a reason that lies in the subject
  void foreign() { ++report_.foreign_replies; }
  void sighting(const Sighting& sighting) { report_.sightings.push_back(sighting); }
  bool intact(std::uint16_t sequence, Bytes payload) const;

  // Requests whose reply_wait is over, and as much more as the machine has stood still meanwhile, no longer hold up the
  // window or the end.
  void expire(Clock::time_point now, const Starvation& starvation);
  // When all is in: which replies were late, and which only slow.
  void judge_lateness(const Starvation& starvation);
  bool awaits_replies() const { return outstanding_ > 0; }
  bool done() const { return next_ == spec().count && outstanding_ == 0; }
  // When it next wants to be looked at: to send, or to expire a request.
  Clock::time_point wakes_at(const Starvation& starvation) const;

 private:
  // Until when a request is waited for.
  Clock::time_point ends_at(Clock::time_point sent, const Starvation& starvation) const;

  struct Request {
    Clock::time_point at;
    std::chrono::nanoseconds stamp{0};  // CLOCK_REALTIME: ours, until the kernel's is known
    bool settled = false;
  };
  // Each request's echo is made when the request goes out: it is in the cache when the reply comes.
  void add_echo();
  Request& add_request(Clock::time_point now);
  void settle(std::uint32_t request);

  EchoReport report_;
  PayloadPattern payload_;
  std::vector<Request> requests_;  // those that are out
  std::uint32_t next_ = 0;
  std::uint32_t batched_ = 0;
  std::uint32_t outstanding_ = 0;
  std::uint32_t oldest_ = 0;  // all before it are settled
  bool heard_ = false;        // some reply has come
  Clock::time_point next_at_;
};

}  // namespace netns_lab::probe
