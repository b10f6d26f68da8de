// Waits until the links of a namespace are as wanted, by the kernel's notifications (RTNLGRP_LINK).
//
//   NETNS_LAB_ASSIGN(Monitor monitor, Monitor::open());          // subscribes first,
//   NETNS_LAB_TRY(monitor.wait_until(                             // then reads the state, then waits
//       [](const Links& links) { return links.find("veth1") != nullptr && links.find("veth1")->operstate ==
//       OperState::kUp; }, "veth1 to be UP", Deadline::after(2s)));
//
// After an overflow of the socket (ENOBUFS) the state is read anew: nothing is missed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/link.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// The links of one namespace, kept up to date.
class Links {
 public:
  const Link* find(const std::string& name) const;
  const Link* find(std::uint32_t index) const;
  const std::map<std::uint32_t, Link>& all() const { return by_index_; }
  std::string to_string() const;  // "veth1 <BROADCAST,UP> DOWN, …"

 private:
  friend class Monitor;
  std::map<std::uint32_t, Link> by_index_;
};

class Monitor {
 public:
  using Predicate = std::function<bool(const Links&)>;

  static Result<Monitor> open();  // in the calling thread's namespace
  // Two route sockets of one namespace: one for events, one for questions.
  static Result<Monitor> adopt(UniqueFd events, UniqueFd requests);

  // kTimeout, saying `wanted` and the links as last seen, when the deadline passes first. kCancelled when `cancel_fd`
  // (-1: none) becomes readable.
  Result<void> wait_until(const Predicate& predicate, const std::string& wanted, Deadline deadline, int cancel_fd = -1);
  // Takes in what has happened; for a caller that polls several descriptors itself: wait for fd() to be readable, then
  // update().
  Result<void> update();
  const Links& links() const { return links_; }
  // Further notifications (RTNLGRP_*) that make fd() readable; update() takes them and changes nothing by them.
  Result<void> also_wake_on(unsigned group);
  NetlinkSocket& requests() { return requests_; }
  int fd() const { return events_.get(); }

 private:
  Monitor(UniqueFd events, NetlinkSocket requests);
  Result<void> reload();
  Result<void> recover();  // from an overflow

  UniqueFd events_;
  NetlinkSocket requests_;
  Links links_;
};

}  // namespace netns_lab::netlink
