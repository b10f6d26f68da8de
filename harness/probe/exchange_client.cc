#include "harness/probe/exchange_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/probe/socket_address.h"
#include "harness/probe/starvation.h"

namespace netns_lab::probe {
namespace {

constexpr std::uint32_t kMostDatagramsInFlight = 16;

// Waits for the socket, the cancellation or the deadline. False when the deadline passed.
// What the machine stood still meanwhile (starvation.h) is waited for beyond the deadline, and added to `starved`.
Result<bool> wait_for(int socket, short events, Deadline deadline, Cancel cancel, std::chrono::nanoseconds& starved) {
  constexpr std::chrono::seconds kMostPatience{20};
  Starvation starvation;
  std::array<pollfd, 2> waits{pollfd{socket, events, 0}, pollfd{cancel.fd, POLLIN, 0}};
  for (;;) {
    const auto now = Deadline::Clock::now();
    const auto patience = std::min<Deadline::Clock::duration>(starvation.total(), kMostPatience);
    const auto until = std::min(std::max(deadline.at() + patience, now), now + Starvation::kLook);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return tl::unexpected(Error::system("wait for the echo server", errno));
    if (waits[1].revents != 0) return tl::unexpected(Error::cancelled("exchange"));
    const auto woke = Deadline::Clock::now();
    const auto before = starvation.total();
    starvation.slept(now, now + left, woke);
    starved += starvation.total() - before;
    if (ready > 0) return true;
    if (woke >= deadline.at() + std::min<Deadline::Clock::duration>(starvation.total(), kMostPatience)) return false;
  }
}

bool would_block(int error) { return error == EAGAIN || error == EINTR || error == EINPROGRESS; }

class DatagramExchange {
 public:
  DatagramExchange(ExchangeReport report, const PayloadPattern& payload)
      : report_(std::move(report)), payload_(payload), buffer_(report_.spec.payload_size) {
    const std::uint32_t count = report_.spec.count;
    deadlines_.reserve(count);
    answered_.resize(count);
    report_.payload_intact = true;
  }

  bool all_answered() const { return unanswered_ == 0 && report_.sent == report_.spec.count; }

  // Sends what fits. False when the kernel refused.
  bool send(int socket, std::size_t in_flight) {
    const ExchangeSpec& spec = report_.spec;
    while (report_.sent < spec.count && report_.system_errno == 0) {
      const std::size_t after = (std::size_t{unanswered_} + 1) * (spec.payload_size + 64);
      if (unanswered_ > 0 && (unanswered_ >= kMostDatagramsInFlight || after > in_flight)) return true;
      payload_.fill(report_.sent, buffer_);
      if (::send(socket, buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (would_block(errno)) return true;
        report_.system_errno = errno;
        return false;
      }
      deadlines_.push_back(Deadline::after(spec.reply_wait));
      ++report_.sent;
      ++unanswered_;
    }
    return true;
  }

  void take(Bytes datagram) {
    ++report_.answered;
    const std::uint32_t size = report_.spec.payload_size;
    for (std::uint32_t tried = 0; tried < report_.sent; ++tried) {
      const std::uint32_t number = (expected_ + tried) % report_.sent;
      if (!payload_.matches(number, size, datagram)) continue;
      // Empty datagrams are all alike: each answers one.
      if (size == 0 && answered_[number] && unanswered_ > 0) continue;
      settle(number, true);
      expected_ = number + 1;
      return;
    }
    report_.payload_intact = false;
    for (std::uint32_t number = 0; number < report_.sent; ++number) {
      if (!answered_[number]) return settle(number, true);
    }
  }

  void expire() {
    for (; oldest_ < report_.sent && (answered_[oldest_] || deadlines_[oldest_].passed()); ++oldest_) {
      settle(oldest_, false);
    }
  }

  Deadline next_deadline() const {
    for (std::size_t number = oldest_; number < report_.sent; ++number) {
      if (!answered_[number]) return deadlines_[number];
    }
    return Deadline::passed_already();
  }

  void refused(int system_errno) { report_.system_errno = system_errno; }
  std::chrono::nanoseconds& starved() { return report_.starved; }
  bool stopped() const { return report_.system_errno != 0; }
  bool over() const { return stopped() || all_answered(); }
  ExchangeReport take_report() {
    report_.payload_intact = report_.payload_intact && report_.answered > 0;
    return std::move(report_);
  }

 private:
  void settle(std::uint32_t number, bool by_answer) {
    if (!answered_[number] && number >= oldest_) --unanswered_;
    if (by_answer) answered_[number] = true;
  }

  ExchangeReport report_;
  const PayloadPattern& payload_;
  std::vector<std::uint8_t> buffer_;
  std::vector<Deadline> deadlines_;
  std::vector<bool> answered_;
  std::uint32_t unanswered_ = 0;  // still waited for
  std::uint32_t oldest_ = 0;      // nothing before it is waited for
  std::uint32_t expected_ = 0;
};

// Connects; what the kernel or the peer said against it goes into the report.
Result<ExchangeReport> connect_stream(int socket, ExchangeReport report, Cancel cancel) {
  const SocketAddress peer = SocketAddress::of(report.spec.destination, report.spec.port);
  if (::connect(socket, peer.get(), peer.size) == 0) return report;
  if (errno != EINPROGRESS) {
    report.system_errno = errno;
    return report;
  }
  NETNS_LAB_ASSIGN(const bool ready,
                   wait_for(socket, POLLOUT, Deadline::after(report.spec.reply_wait), cancel, report.starved));
  if (!ready) {
    report.system_errno = ETIMEDOUT;
    return report;
  }
  socklen_t size = sizeof report.system_errno;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &report.system_errno, &size);
  return report;
}

}  // namespace

Result<ExchangeReport> exchange_datagrams(int socket, ExchangeReport report, const PayloadPattern& payload,
                                          std::size_t in_flight, ReceiveBatch& batch, const Drain& drain,
                                          Cancel cancel) {
  DatagramExchange exchange(std::move(report), payload);
  while (!exchange.over()) {
    exchange.send(socket, in_flight);
    const auto received = batch.receive(socket);
    if (!received) {
      exchange.refused(received.error().system_errno);
      break;
    }
    for (std::size_t index = 0; index < *received; ++index) exchange.take(batch.bytes(index));
    NETNS_LAB_TRY(drain());
    if (*received == 0 && !exchange.over()) {
      const Deadline deadline = exchange.next_deadline();
      NETNS_LAB_ASSIGN(const bool ready, wait_for(socket, POLLIN, deadline, cancel, exchange.starved()));
      if (!ready) exchange.expire();
    }
  }
  return exchange.take_report();
}

Result<ExchangeReport> exchange_stream(int socket, ExchangeReport started, const PayloadPattern& payload,
                                       std::size_t in_flight, const Drain& drain, Cancel cancel) {
  NETNS_LAB_ASSIGN(ExchangeReport report, connect_stream(socket, std::move(started), cancel));
  if (report.system_errno != 0) return report;
  std::vector<std::uint8_t> out(report.spec.payload_size);
  payload.fill(0, out);
  std::vector<std::uint8_t> in(std::max<std::size_t>(4096, std::min<std::size_t>(in_flight, 1U << 20)));
  bool intact = true;
  bool end_sent = false;
  for (Deadline deadline = Deadline::after(report.spec.reply_wait);;) {
    bool progress = false;
    const std::size_t on_the_way = report.sent - std::min(report.sent, report.answered);
    const std::size_t more = std::min(out.size() - report.sent, in_flight - std::min(in_flight, on_the_way));
    if (more > 0) {
      const ssize_t sent = ::send(socket, out.data() + report.sent, more, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && !would_block(errno)) {
        report.system_errno = errno;
        break;
      }
      report.sent += static_cast<std::uint32_t>(std::max<ssize_t>(0, sent));
      progress = sent > 0;
    }
    // Everything is back: say so, and listen whether the server has more to say than it was told.
    if (!end_sent && report.answered >= out.size()) end_sent = ::shutdown(socket, SHUT_WR) == 0;
    const ssize_t received = ::recv(socket, in.data(), in.size(), MSG_DONTWAIT);
    if (received < 0 && !would_block(errno)) {
      if (!end_sent) report.system_errno = errno;
      break;
    }
    if (received == 0) break;
    if (received > 0) {
      progress = true;
      const auto size = static_cast<std::size_t>(received);
      const std::size_t at = report.answered;
      intact = intact && at + size <= out.size() && std::equal(in.data(), in.data() + size, out.data() + at);
      report.answered += static_cast<std::uint32_t>(received);
      if (report.answered > out.size() + in_flight) break;  // it will not stop
    }
    NETNS_LAB_TRY(drain());
    if (progress) {
      deadline = Deadline::after(report.spec.reply_wait);
      continue;
    }
    const bool may_send = report.sent < out.size() && on_the_way < in_flight;
    NETNS_LAB_ASSIGN(const bool ready, wait_for(socket, static_cast<short>(may_send ? POLLIN | POLLOUT : POLLIN),
                                                deadline, cancel, report.starved));
    if (!ready) break;
  }
  report.payload_intact = intact && report.answered > 0;
  return report;
}

}  // namespace netns_lab::probe
