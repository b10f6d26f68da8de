#include "harness/netlink/netlink_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <poll.h>
#include <sys/socket.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <optional>
#include <utility>

#include "harness/base/deadline.h"
#include "harness/netlink/acknowledgement.h"

namespace netns_lab::netlink {
namespace {

// The kernel cuts dumps into datagrams of at most 32 KiB (netlink_recvmsg, max_recvmsg_len); a single link with many
// virtual functions may be larger.
constexpr std::size_t kReceiveBytes = 64 * 1024;
// Asked for; the kernel gives at most twice net.core.rmem_max (416 KiB by default).
constexpr int kReceiveQueueBytes = 1 << 20;
// Of one datagram: so many refusals and echoes (some 2 KiB each) fit into the receive queue, and the bytes into the
// send buffer.
constexpr std::size_t kMostRequests = 100;
constexpr std::size_t kMostBytes = 64 * 1024;
constexpr int kDumpAttempts = 10;
constexpr int kAnswerMilliseconds = 5'000;

struct SocketCloser {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using MnlSocket = std::unique_ptr<mnl_socket, SocketCloser>;

std::string protocol_name(Protocol protocol) {
  switch (protocol) {
    case Protocol::kRoute:
      return "NETLINK_ROUTE";
    case Protocol::kSocketDiagnosis:
      return "NETLINK_SOCK_DIAG";
    case Protocol::kNetfilter:
      return "NETLINK_NETFILTER";
    case Protocol::kXfrm:
      return "NETLINK_XFRM";
    case Protocol::kGeneric:
      return "generic netlink";
  }
  return fmt::format("netlink protocol {}", static_cast<int>(protocol));
}

}  // namespace

class NetlinkSocket::State {
 public:
  State(MnlSocket socket, Protocol protocol, ReceiveBuffer buffer)
      : socket_(std::move(socket)), protocol_(protocol), buffer_(std::move(buffer)) {}

  int fd() const { return mnl_socket_get_fd(socket_.get()); }
  std::uint32_t port() const { return mnl_socket_get_portid(socket_.get()); }
  std::uint32_t next_sequence() {
    // 0 is the kernel's own, for notifications.
    if (++sequence_ == 0) ++sequence_;
    return sequence_;
  }
  // As many sequence numbers in a row.
  std::uint32_t reserve_sequences(std::size_t count) {
    if (sequence_ > std::numeric_limits<std::uint32_t>::max() - count - 1) sequence_ = 0;
    const std::uint32_t first = sequence_ + 1;
    sequence_ += static_cast<std::uint32_t>(count);
    return first;
  }

  Result<void> send(std::span<const Request> requests) {
    std::array<iovec, kMostRequests> parts;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const Bytes bytes = requests[i].bytes();
      parts[i] = {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    }
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    msghdr message{};
    message.msg_name = &kernel;
    message.msg_namelen = sizeof kernel;
    message.msg_iov = parts.data();
    message.msg_iovlen = requests.size();
    while (::sendmsg(fd(), &message, 0) < 0) {
      if (errno != EINTR) return tl::unexpected(Error::system(describe(requests.front().view()), errno, ""));
    }
    return {};
  }

  // One datagram from the kernel. Its bytes are valid until the next call, of whichever socket with this buffer.
  Result<std::vector<MessageView>> receive() {
    iovec part{buffer_.get(), kReceiveBytes};
    sockaddr_nl sender{};
    msghdr message{};
    message.msg_name = &sender;
    message.msg_namelen = sizeof sender;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    for (;;) {
      const ssize_t size = ::recvmsg(fd(), &message, MSG_DONTWAIT);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        NETNS_LAB_TRY(wait());
        continue;
      }
      if (size < 0) return tl::unexpected(Error::system(reading(), errno, ""));
      if ((message.msg_flags & MSG_TRUNC) != 0) {
        return tl::unexpected(Error::internal(
            reading(), fmt::format("an answer is longer than {} bytes and was cut by the kernel", kReceiveBytes)));
      }
      if (sender.nl_pid != 0) {  // another process: anybody may write to a netlink socket of his namespace
        message.msg_namelen = sizeof sender;
        continue;
      }
      return split_messages({buffer_.get(), static_cast<std::size_t>(size)});
    }
  }

  // After an overflow or an abandoned answer: throws away what is queued.
  void drain() {
    for (;;) {
      const ssize_t size = ::recv(fd(), buffer_.get(), kReceiveBytes, MSG_DONTWAIT);
      if (size < 0 && errno != EINTR && errno != ENOBUFS) return;
    }
  }

  // All of them, a datagram after the other. With `replies` the answers are put there; with `refusals` what the kernel
  // refuses is put there, all of it, and is no failure.
  std::optional<BatchFailure> execute_in_datagrams(std::span<Request> requests, std::uint32_t first_sequence,
                                                   Replies* replies, std::vector<BatchFailure>* refusals) {
    for (std::size_t first = 0; first < requests.size();) {
      std::size_t count = 0;
      std::size_t bytes = 0;
      while (first + count < requests.size() && count < kMostRequests &&
             (count == 0 || bytes + requests[first + count].bytes().size() <= kMostBytes)) {
        bytes += requests[first + count++].bytes().size();
      }
      if (auto failure = execute_until(requests.subspan(first, count), count - 1,
                                       first_sequence + static_cast<std::uint32_t>(first), first, replies, refusals)) {
        return failure;
      }
      first += count;
    }
    return std::nullopt;
  }

  // The same in one datagram. The acknowledgement of requests[last] is the end, or a refusal of what begins an
  // nfnetlink batch. `first`: position of requests[0] in the whole.
  std::optional<BatchFailure> execute_until(std::span<Request> requests, std::size_t last, std::uint32_t first_sequence,
                                            std::size_t first, Replies* replies,
                                            std::vector<BatchFailure>* refusals = nullptr) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      requests[i].set_identity(first_sequence + static_cast<std::uint32_t>(i), port());
    }
    // Refusals are always answered: so one acknowledgement, of the last, is enough to know that all have been done.
    requests[last].add_flags(NLM_F_ACK);
    if (auto sent = send(requests); !sent) return BatchFailure{first, std::move(sent).error()};
    std::optional<BatchFailure> failure;
    for (;;) {
      auto messages = receive();
      if (!messages) return failure ? failure : lost(requests.front(), first, std::move(messages).error());
      for (const MessageView& message : *messages) {
        const std::uint32_t i = message.sequence - first_sequence;
        if (message.port != port() || i >= requests.size()) continue;  // an answer to something abandoned
        if (message.type != NLMSG_ERROR) {
          if (replies != nullptr && message.type >= NLMSG_MIN_TYPE) replies->append(message);
          continue;
        }
        auto acknowledgement = decode_acknowledgement(message);
        if (!acknowledgement) return BatchFailure{first + i, std::move(acknowledgement).error()};
        if (acknowledgement->system_errno != 0 && (refusals != nullptr || !failure)) {
          BatchFailure refusal{first + i, Error::system(describe(requests[i].view()), acknowledgement->system_errno,
                                                        acknowledgement->text)};
          if (refusals == nullptr) {
            failure = std::move(refusal);
          } else {
            refusals->push_back(std::move(refusal));
          }
        }
        if (i == last || (failure && requests[i].type() == NFNL_MSG_BATCH_BEGIN)) return failure;
      }
    }
  }

  struct DumpEnd {
    bool interrupted = false;
  };
  Result<DumpEnd> dump_once(Request& request, Replies& replies) {
    const std::uint32_t sequence = next_sequence();
    request.set_identity(sequence, port());
    NETNS_LAB_TRY(send({&request, 1}));
    DumpEnd end;
    for (;;) {
      auto messages = receive();
      if (!messages) return tl::unexpected(std::move(messages).error());
      for (const MessageView& message : *messages) {
        if (message.port != port() || message.sequence != sequence) continue;
        if ((message.flags & NLM_F_DUMP_INTR) != 0) end.interrupted = true;
        if (message.type == NLMSG_ERROR || message.type == NLMSG_DONE) {
          NETNS_LAB_ASSIGN(const Acknowledgement acknowledgement, decode_acknowledgement(message));
          if (acknowledgement.system_errno != 0) {
            return tl::unexpected(
                Error::system(describe(request.view()), acknowledgement.system_errno, acknowledgement.text));
          }
          return end;
        }
        if (message.type >= NLMSG_MIN_TYPE) replies.append(message);
      }
    }
  }

  std::string reading() const { return "read an answer from " + protocol_name(protocol_); }

 private:
  Result<void> wait() const {
    pollfd entry{fd(), POLLIN, 0};
    const Deadline deadline = Deadline::after(std::chrono::milliseconds(kAnswerMilliseconds));
    for (;;) {
      const int ready = ::poll(&entry, 1, deadline.poll_timeout());
      if (ready > 0) return {};
      if (ready < 0 && errno != EINTR) return tl::unexpected(Error::system("poll a netlink socket", errno, ""));
      if (deadline.passed()) {
        return tl::unexpected(Error::timeout(reading(), fmt::format("nothing for {} ms", kAnswerMilliseconds)));
      }
    }
  }

  BatchFailure lost(const Request& request, std::size_t first, Error error) {
    if (error.system_errno == ENOBUFS) {
      drain();
      error.detail =
          fmt::format("acknowledgements were lost, from '{}' on: what was done is not known", describe(request.view()));
    }
    return {first, std::move(error)};
  }

  MnlSocket socket_;
  Protocol protocol_;
  std::uint32_t sequence_ = 0;
  ReceiveBuffer buffer_;
};

// Not initialised: memory is taken as answers need it.
ReceiveBuffer new_receive_buffer() { return ReceiveBuffer(new std::uint8_t[kReceiveBytes]); }

NetlinkSocket::NetlinkSocket(std::unique_ptr<State> state) : state_(std::move(state)) {}
NetlinkSocket::NetlinkSocket(NetlinkSocket&&) noexcept = default;
NetlinkSocket& NetlinkSocket::operator=(NetlinkSocket&&) noexcept = default;
NetlinkSocket::~NetlinkSocket() = default;

int NetlinkSocket::fd() const { return state_->fd(); }
std::uint32_t NetlinkSocket::port() const { return state_->port(); }

Result<UniqueFd> open_raw(Protocol protocol) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, static_cast<int>(protocol)));
  if (!fd.valid()) return tl::unexpected(Error::system("open a socket of " + protocol_name(protocol), errno, ""));
  return fd;
}

Result<NetlinkSocket> NetlinkSocket::open(Protocol protocol) {
  NETNS_LAB_ASSIGN(UniqueFd fd, open_raw(protocol));
  return adopt(std::move(fd), protocol);
}

Result<NetlinkSocket> NetlinkSocket::adopt(UniqueFd fd, Protocol protocol, ReceiveBuffer buffer) {
  const std::string attempted = "set up a socket of " + protocol_name(protocol);
  MnlSocket socket(mnl_socket_fdopen(fd.get()));
  if (socket == nullptr) return tl::unexpected(Error::system(attempted, errno, ""));
  [[maybe_unused]] const int owned_by_socket = fd.release();
  if (mnl_socket_get_portid(socket.get()) == 0 && mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0) {
    return tl::unexpected(Error::system(attempted, errno, "bind"));
  }
  struct Option {
    int name;
    const char* text;
    bool needed;
  };
  // Strict checking (Linux 4.20) makes the kernel refuse what it would otherwise ignore, and filter dumps by what was
  // asked.
  for (const Option& option :
       {Option{NETLINK_EXT_ACK, "NETLINK_EXT_ACK", true}, Option{NETLINK_CAP_ACK, "NETLINK_CAP_ACK", true},
        Option{NETLINK_GET_STRICT_CHK, "NETLINK_GET_STRICT_CHK", true}}) {
    int on = 1;
    if (mnl_socket_setsockopt(socket.get(), option.name, &on, sizeof on) != 0 && option.needed) {
      return tl::unexpected(Error::system(attempted, errno, option.text));
    }
  }
  const int fd_number = mnl_socket_get_fd(socket.get());
  if (::setsockopt(fd_number, SOL_SOCKET, SO_RCVBUF, &kReceiveQueueBytes, sizeof kReceiveQueueBytes) != 0) {
    return tl::unexpected(Error::system(attempted, errno, "SO_RCVBUF"));
  }
  return NetlinkSocket(std::make_unique<State>(std::move(socket), protocol, std::move(buffer)));
}

Result<void> NetlinkSocket::execute(Request request) {
  if (auto failure = state_->execute_in_datagrams({&request, 1}, state_->reserve_sequences(1), nullptr, nullptr)) {
    return tl::unexpected(std::move(failure->error));
  }
  return {};
}

Result<Replies> NetlinkSocket::exchange(Request request) {
  Replies replies;
  if (auto failure = state_->execute_in_datagrams({&request, 1}, state_->reserve_sequences(1), &replies, nullptr)) {
    return tl::unexpected(std::move(failure->error));
  }
  return replies;
}

Result<Replies> NetlinkSocket::dump(Request request) {
  request.add_flags(NLM_F_DUMP);
  Replies replies;
  for (int attempt = 1; attempt <= kDumpAttempts; ++attempt) {
    replies.clear();
    auto end = state_->dump_once(request, replies);
    if (!end && end.error().system_errno == ENOBUFS) {
      state_->drain();
      continue;
    }
    if (!end) return tl::unexpected(std::move(end).error());
    if (!end->interrupted) return replies;
  }
  return tl::unexpected(Error::internal(
      describe(request.view()), fmt::format("the state changed under each of {} attempts to read it", kDumpAttempts)));
}

tl::expected<NetlinkSocket::BatchReplies, BatchFailure> NetlinkSocket::exchange_all(std::vector<Request> requests) {
  BatchReplies answer;
  answer.first_sequence = state_->reserve_sequences(requests.size());
  if (auto failure = state_->execute_in_datagrams(requests, answer.first_sequence, &answer.replies, nullptr))
    return tl::unexpected(std::move(*failure));
  return answer;
}

Result<std::vector<BatchFailure>> NetlinkSocket::execute_each(std::vector<Request> requests) {
  std::vector<BatchFailure> refusals;
  const std::uint32_t first_sequence = state_->reserve_sequences(requests.size());
  if (auto failure = state_->execute_in_datagrams(requests, first_sequence, nullptr, &refusals))
    return tl::unexpected(std::move(failure->error));
  return refusals;
}

Result<void> NetlinkSocket::commit(std::vector<Request> requests, std::uint16_t subsystem) {
  nfgenmsg header{};
  header.nfgen_family = AF_UNSPEC;
  header.version = NFNETLINK_V0;
  header.res_id = htons(subsystem);
  std::vector<Request> batch;
  batch.emplace_back(NFNL_MSG_BATCH_BEGIN, 0);
  batch.back().put_header(header);
  for (Request& request : requests) batch.push_back(std::move(request));
  batch.emplace_back(NFNL_MSG_BATCH_END, 0);
  batch.back().put_header(header);
  const std::uint32_t sequence = state_->reserve_sequences(batch.size());
  if (auto failure = state_->execute_until(batch, requests.size(), sequence, 0, nullptr))
    return tl::unexpected(std::move(failure->error));
  return {};
}

tl::expected<void, BatchFailure> NetlinkSocket::execute_all(std::vector<Request> requests) {
  auto answer = exchange_all(std::move(requests));
  if (!answer) return tl::unexpected(std::move(answer).error());
  return {};
}

}  // namespace netns_lab::netlink
