// A netlink socket: requests with their acknowledgements, dumps, and batches.
//
//   NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(Protocol::kRoute));
//   NETNS_LAB_TRY(socket.execute(set_link(LinkRef::named("veth1"), {.up = true})));
//   NETNS_LAB_ASSIGN(const auto links, list_links(socket));
//
// Namespace: a socket belongs to the network namespace of the thread that created it, wherever it is used later. It
// keeps that namespace
//   alive: a namespace whose name was deleted lives on while a socket of it is open.
// Threads: one at a time.
// Errors: kSystem with the kernel's errno and its extended-ack text; `attempted` describes the request.
// Performance: rtnetlink does its work inside sendmsg(2), so the answer is there when it returns: a request is two
// system calls.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/netlink/message.h"

namespace netns_lab::netlink {

enum class Protocol : int { kRoute = 0, kSocketDiagnosis = 4, kXfrm = 6, kNetfilter = 12, kGeneric = 16 };  // NETLINK_*

// How a batch ended.
struct BatchFailure {
  std::size_t request = 0;  // position of the first request that failed
  Error error;
};

// Where answers are received, 64 KiB. Sockets of which one at a time is used may have one together: to allocate and
// free one for each of thousands costs as much as several dumps.
using ReceiveBuffer = std::shared_ptr<std::uint8_t[]>;
ReceiveBuffer new_receive_buffer();

class NetlinkSocket {
 public:
  static Result<NetlinkSocket> open(Protocol protocol);
  // `fd` is a netlink socket of `protocol`, bound or not, blocking or not, made in whichever namespace.
  static Result<NetlinkSocket> adopt(UniqueFd fd, Protocol protocol, ReceiveBuffer buffer = new_receive_buffer());
  NetlinkSocket(NetlinkSocket&&) noexcept;
  NetlinkSocket& operator=(NetlinkSocket&&) noexcept;
  ~NetlinkSocket();

  // Sends the request and waits for its acknowledgement.
  Result<void> execute(Request request);
  // The same for a request that is answered by messages, then acknowledged: RTM_GETLINK of one link, or anything with
  // NLM_F_ECHO.
  Result<Replies> exchange(Request request);
  // NLM_F_DUMP is added. A dump the kernel marks as interrupted (NLM_F_DUMP_INTR) or whose answers overflowed is asked
  // again, 10 times at most.
  Result<Replies> dump(Request request);
  // All requests in as few datagrams as fit. The kernel goes on after a request that fails: those behind it may have
  // been done. Nothing when all succeeded.
  tl::expected<void, BatchFailure> execute_all(std::vector<Request> requests);
  // The same; those that the kernel refuses are no error but what is returned, in order, and the others are done.
  Result<std::vector<BatchFailure>> execute_each(std::vector<Request> requests);
  // As execute_all; the answers (NLM_F_ECHO, RTM_GET*) of request i have sequence number first_sequence + i.
  struct BatchReplies {
    std::uint32_t first_sequence = 0;
    Replies replies;
  };
  tl::expected<BatchReplies, BatchFailure> exchange_all(std::vector<Request> requests);
  // Requests of nfnetlink that the kernel takes in a batch only, all of them or none (NFNL_MSG_BATCH_BEGIN,
  // linux/netfilter/nfnetlink.h); they must fit into one datagram. `subsystem` is NFNL_SUBSYS_*.
  Result<void> commit(std::vector<Request> requests, std::uint16_t subsystem);

  int fd() const;
  std::uint32_t port() const;

 private:
  class State;
  explicit NetlinkSocket(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A netlink socket in the calling thread's namespace, unbound and without options: what to create inside another
// namespace and hand to adopt().
Result<UniqueFd> open_raw(Protocol protocol);

}  // namespace netns_lab::netlink
