#include "harness/lab/qemu/door.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "harness/base/socket_pair.h"

namespace netns_lab::qemu {
namespace {

// Every message has this size, so that a stream socket keeps them apart.
using Record = std::array<char, kMaximumLabel + 1>;

}  // namespace

Result<UniqueFd> open_stream(const UniqueFd& door, const std::string& label) {
  const std::string attempted = fmt::format("open a stream to \"{}\" in the virtual machine", label);
  if (label.size() > kMaximumLabel) return tl::unexpected(Error::internal(attempted, "its label is too long"));
  NETNS_LAB_ASSIGN(auto ends, socket_pair(SOCK_STREAM, attempted));
  auto& [near_end, far_end] = ends;
  Record record{};
  std::memcpy(record.data(), label.data(), label.size());
  iovec data{.iov_base = record.data(), .iov_len = record.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = far_end.get();
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (::sendmsg(door.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(record.size())) return std::move(near_end);
  if (errno == EPIPE || errno == ECONNRESET) {
    return tl::unexpected(Error::lost(attempted, "the virtual machine has ended"));
  }
  return tl::unexpected(Error::system(attempted, errno));
}

Result<std::optional<DoorCall>> answer(const UniqueFd& door) {
  constexpr auto kAttempted = "hear who wants a stream into the virtual machine";
  Record record{};
  iovec data{.iov_base = record.data(), .iov_len = record.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(door.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (got <= 0) return tl::unexpected(Error::lost(kAttempted, got == 0 ? "nobody does any more" : errno_name(errno)));
  DoorCall call;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    call.stream.reset(fd);
  }
  record.back() = '\0';
  call.label = record.data();
  if (got != static_cast<ssize_t>(record.size()) || !call.stream.valid()) return std::nullopt;
  return call;
}

}  // namespace netns_lab::qemu
