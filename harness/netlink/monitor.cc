#include "harness/netlink/monitor.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/link.h"

namespace netns_lab::netlink {
namespace {

Result<void> join_group(int fd, unsigned group) {
  const int membership = static_cast<int>(group);
  if (::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &membership, sizeof membership) == 0) return {};
  return tl::unexpected(Error::system(fmt::format("subscribe to the notifications of group {}", group), errno, ""));
}

Result<void> subscribe(int fd, unsigned group) {
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  const int queue = 1 << 20;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue) != 0) {
    return tl::unexpected(Error::system("open a socket for notifications", errno, ""));
  }
  return join_group(fd, group);
}

}  // namespace

const Link* Links::find(std::uint32_t index) const {
  const auto found = by_index_.find(index);
  return found == by_index_.end() ? nullptr : &found->second;
}

const Link* Links::find(const std::string& name) const {
  for (const auto& [index, link] : by_index_) {
    if (link.name == name) return &link;
  }
  return nullptr;
}

std::string Links::to_string() const {
  std::string text;
  for (const auto& [index, link] : by_index_) {
    text += fmt::format("{}{} <{}> {}", text.empty() ? "" : ", ", link.name, link.flags_text(),
                        netns_lab::to_string(link.operstate));
  }
  return text.empty() ? "no links" : text;
}

Monitor::Monitor(UniqueFd events, NetlinkSocket requests)
    : events_(std::move(events)), requests_(std::move(requests)) {}

Result<Monitor> Monitor::open() {
  NETNS_LAB_ASSIGN(UniqueFd events, open_raw(Protocol::kRoute));
  NETNS_LAB_ASSIGN(UniqueFd requests, open_raw(Protocol::kRoute));
  return adopt(std::move(events), std::move(requests));
}

Result<Monitor> Monitor::adopt(UniqueFd events, UniqueFd requests) {
  NETNS_LAB_TRY(subscribe(events.get(), RTNLGRP_LINK));
  NETNS_LAB_ASSIGN(NetlinkSocket questions, NetlinkSocket::adopt(std::move(requests), Protocol::kRoute));
  Monitor monitor(std::move(events), std::move(questions));
  NETNS_LAB_TRY(monitor.reload());
  return monitor;
}

Result<void> Monitor::also_wake_on(unsigned group) { return join_group(events_.get(), group); }

Result<void> Monitor::reload() {
  NETNS_LAB_ASSIGN(const std::vector<Link> links, list_links(requests_));
  links_.by_index_.clear();
  for (const Link& link : links) links_.by_index_.emplace(link.index, link);
  return {};
}

// The kernel drops all news from an overflow until the queue is empty (NETLINK_S_CONGESTED, net/netlink/af_netlink.c),
// and says so once: what is still queued is older than what was dropped, and so must neither be taken for the newest
// nor be left there while the state is read.
Result<void> Monitor::recover() {
  std::array<std::uint8_t, 1> ignored;
  while (::recv(events_.get(), ignored.data(), ignored.size(), MSG_DONTWAIT) >= 0 || errno == EINTR ||
         errno == ENOBUFS) {
  }
  if (errno != EAGAIN && errno != EWOULDBLOCK)
    return tl::unexpected(Error::system("read link notifications", errno, ""));
  return reload();
}

Result<void> Monitor::update() {
  // Aligned as the kernel's structures are; a notification is some 2 KiB, at most a page with all its attributes.
  alignas(8) std::array<std::uint8_t, 32 * 1024> buffer;
  for (;;) {
    sockaddr_nl sender{};
    iovec part{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_name = &sender;
    header.msg_namelen = sizeof sender;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const ssize_t size = ::recvmsg(events_.get(), &header, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
    const bool lost = (size < 0 && errno == ENOBUFS) || (size >= 0 && (header.msg_flags & MSG_TRUNC) != 0);
    if (size < 0 && !lost) return tl::unexpected(Error::system("read link notifications", errno, ""));
    if (lost) {
      NETNS_LAB_TRY(recover());
      continue;
    }
    if (sender.nl_pid != 0) continue;
    NETNS_LAB_ASSIGN(const std::vector<MessageView> messages,
                     split_messages({buffer.data(), static_cast<std::size_t>(size)}));
    for (const MessageView& message : messages) {
      if (message.type != RTM_NEWLINK && message.type != RTM_DELLINK) continue;
      NETNS_LAB_ASSIGN(const ifinfomsg about, read_header<ifinfomsg>(message, "RTM_NEWLINK"));
      // AF_BRIDGE: about the membership of a port; its RTM_DELLINK means that the link has left a bridge.
      if (about.ifi_family != AF_UNSPEC) continue;
      if (message.type == RTM_DELLINK) {
        links_.by_index_.erase(static_cast<std::uint32_t>(about.ifi_index));
        continue;
      }
      NETNS_LAB_ASSIGN(Link link, decode_link(message));
      const std::uint32_t index = link.index;
      links_.by_index_.insert_or_assign(index, std::move(link));
    }
  }
}

Result<void> Monitor::wait_until(const Predicate& predicate, const std::string& wanted, Deadline deadline,
                                 int cancel_fd) {
  for (;;) {
    NETNS_LAB_TRY(update());
    if (predicate(links_)) return {};
    std::array<pollfd, 2> entries{pollfd{events_.get(), POLLIN, 0}, pollfd{cancel_fd, POLLIN, 0}};
    const int ready = ::poll(entries.data(), entries.size(), deadline.poll_timeout());
    if (ready < 0 && errno != EINTR) return tl::unexpected(Error::system("poll for link notifications", errno, ""));
    if (ready > 0 && (entries[1].revents & (POLLIN | POLLHUP)) != 0) {
      return tl::unexpected(Error::cancelled("wait for " + wanted));
    }
    if (ready == 0 && deadline.passed()) {
      return tl::unexpected(Error::timeout("wait for " + wanted, links_.to_string()));
    }
  }
}

}  // namespace netns_lab::netlink
