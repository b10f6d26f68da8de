#include "harness/node/capabilities_child.h"

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "harness/base/socket_pair.h"
#include "harness/netns/own_root.h"
#include "harness/node/sandbox_process.h"
#include "harness/node/sandbox_status.h"
#include "harness/node/sandbox_user.h"

namespace netns_lab::node {
namespace {

constexpr char kWell = '+';
constexpr char kIll = '-';

void tell(int fd, const Result<std::string>& seen) {
  const std::string message = seen ? kWell + *seen : kIll + encode_error(seen.error());
  static_cast<void>(::send(fd, message.data(), message.size(), MSG_NOSIGNAL));
}

Result<void> enter(int namespaces) {
  const IdMaps own{.users = fmt::format("0 {} 1\n", ::geteuid()),
                   .groups = fmt::format("0 {} 1\n", ::getegid()),
                   .allow_setgroups = false};
  NETNS_LAB_TRY(netns::enter_new_user_namespace());
  NETNS_LAB_TRY(write_id_maps(::getpid(), own));
  if (::unshare(namespaces) != 0) return tl::unexpected(Error::system("make namespaces in a user namespace", errno));
  return {};
}

int attempt_and_tell(int fd, int namespaces, const std::function<Result<std::string>()>& attempt) {
  if (namespaces != 0) {
    if (const auto entered = enter(namespaces); !entered) {
      tell(fd, tl::unexpected(entered.error()));
      return 1;
    }
  }
  if ((namespaces & CLONE_NEWPID) == 0) {
    tell(fd, attempt());
    return 0;
  }
  auto line = LifeLine::create();
  if (!line) return 1;
  const auto first = fork_child([&] {
    die_with_parent(*line);
    tell(fd, attempt());
    return 0;
  });
  if (!first) {
    tell(fd, tl::unexpected(first.error()));
    return 1;
  }
  while (::waitpid(first->pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

}  // namespace

Result<std::string> try_in_child(int namespaces, const std::function<Result<std::string>()>& attempt,
                                 Deadline deadline) {
  NETNS_LAB_ASSIGN(auto pair, socket_pair(SOCK_SEQPACKET, "create a socket pair"));
  const UniqueFd ours = std::move(pair.first);
  UniqueFd theirs = std::move(pair.second);
  auto line = LifeLine::create();
  if (!line) return tl::unexpected(line.error());
  const auto child = fork_child([&] {
    die_with_parent(*line);
    return attempt_and_tell(theirs.get(), namespaces, attempt);
  });
  if (!child) return tl::unexpected(child.error());
  theirs.reset();
  pollfd waiting{.fd = ours.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, deadline.poll_timeout());
  } while (ready < 0 && errno == EINTR);
  std::array<char, 32 * 1024> bytes{};
  const ssize_t length = ready == 1 ? ::recv(ours.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) : 0;
  end_child(*child);
  if (ready == 0) return tl::unexpected(Error::timeout("try it in a child process", "nothing was heard of it"));
  if (length <= 0) return tl::unexpected(Error::lost("try it in a child process", "it ended without a word"));
  const std::string_view said(bytes.data(), static_cast<std::size_t>(length));
  if (said.front() == kWell) return std::string(said.substr(1));
  return tl::unexpected(decode_error(said.substr(1)));
}

}  // namespace netns_lab::node
