#include "harness/protocol/frame_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace netns_lab::protocol {
namespace {

constexpr std::size_t kReadSize = 64 * 1024;

// For descriptors that are no sockets: MSG_NOSIGNAL does not exist for them, so SIGPIPE is held back in this thread
// while writing, and taken away if it was raised (it is directed at the thread that wrote).
ssize_t write_without_signal(int fd, const iovec* parts, int count) {
  sigset_t pipe_signal;
  sigset_t before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t written = ::writev(fd, parts, count);
  const int write_errno = errno;
  if (written < 0 && write_errno == EPIPE && sigismember(&before, SIGPIPE) == 0) {
    const timespec at_once = {0, 0};
    ::sigtimedwait(&pipe_signal, nullptr, &at_once);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = write_errno;
  return written;
}

ssize_t write_some(int fd, bool is_socket, iovec* parts, std::size_t count) {
  if (!is_socket) return write_without_signal(fd, parts, static_cast<int>(count));
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Waits for `events`; an error when the deadline passed or somebody cancelled.
Result<void> wait_for(int fd, short events, Deadline deadline, const Cancellation* cancellation,
                      const char* attempted) {
  while (true) {
    std::array<pollfd, 2> waits = {{{fd, events, 0}, {cancellation != nullptr ? cancellation->fd() : -1, POLLIN, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), deadline.poll_timeout());
    if (ready < 0 && errno != EINTR) return tl::unexpected(Error::system(attempted, errno));
    if (cancellation != nullptr && cancellation->requested()) return tl::unexpected(Error::cancelled(attempted));
    if (ready > 0 && waits[0].revents != 0) return {};
    if (deadline.passed()) return tl::unexpected(Error::timeout(attempted, ""));
  }
}

bool is_end_errno(int error) { return error == EPIPE || error == ECONNRESET || error == EIO || error == ENOTCONN; }

}  // namespace

FrameStream::FrameStream(UniqueFd fd) : fd_(std::move(fd)) {
  int type = 0;
  socklen_t size = sizeof type;
  is_socket_ = ::getsockopt(fd_.get(), SOL_SOCKET, SO_TYPE, &type, &size) == 0;
  const int flags = ::fcntl(fd_.get(), F_GETFL);
  if (flags >= 0) ::fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK);
  const int descriptor_flags = ::fcntl(fd_.get(), F_GETFD);
  if (descriptor_flags >= 0) ::fcntl(fd_.get(), F_SETFD, descriptor_flags | FD_CLOEXEC);
}

Result<void> FrameStream::send(std::string_view json, std::string_view raw, Deadline deadline,
                               const Cancellation* cancellation) {
  NETNS_LAB_ASSIGN(const auto header, frame_header(json.size(), raw.size()));
  const std::array<std::string_view, 3> parts = {
      std::string_view(reinterpret_cast<const char*>(header.data()), header.size()), json, raw};
  const std::size_t total = header.size() + json.size() + raw.size();
  std::size_t sent = 0;
  while (sent < total) {
    std::array<iovec, 3> left = {};
    std::size_t count = 0;
    std::size_t skip = sent;
    for (const std::string_view part : parts) {
      if (skip >= part.size()) {
        skip -= part.size();
        continue;
      }
      // iovec is not const-correct; nothing is written through it.
      left[count++] = {const_cast<char*>(part.data()) + skip, part.size() - skip};
      skip = 0;
    }
    const ssize_t written = write_some(fd_.get(), is_socket_, left.data(), count);
    if (written >= 0) {
      sent += static_cast<std::size_t>(written);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      broken_ = true;
      if (is_end_errno(errno)) return tl::unexpected(Error::lost("send", "the other side has closed the stream"));
      return tl::unexpected(Error::system("send", errno));
    }
    if (auto ready = wait_for(fd_.get(), POLLOUT, deadline, cancellation, "send"); !ready) {
      if (sent > 0) broken_ = true;
      return ready;
    }
  }
  return {};
}

Result<Frame> FrameStream::receive(Deadline deadline, const Cancellation* cancellation) {
  std::array<char, kReadSize> buffer;
  while (true) {
    auto frame = decoder_.next();
    if (!frame) {
      broken_ = true;
      return tl::unexpected(std::move(frame).error());
    }
    if (*frame) return std::move(**frame);
    // First wait, then read: a request comes after its answer was sent, so that reading first would mostly be in vain.
    NETNS_LAB_TRY(wait_for(fd_.get(), POLLIN, deadline, cancellation, "receive"));
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got > 0) {
      decoder_.feed(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
    } else if (got == 0 || is_end_errno(errno)) {
      broken_ = true;
      return tl::unexpected(
          Error::lost("receive", decoder_.pending() > 0
                                     ? fmt::format("the stream was cut after {} bytes of a frame", decoder_.pending())
                                     : "the stream ended"));
    } else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
      broken_ = true;
      return tl::unexpected(Error::system("receive", errno));
    }
  }
}

bool FrameStream::wait_for_end(int wake_fd) const {
  while (true) {
    std::array<pollfd, 2> waits = {{{fd_.get(), POLLRDHUP, 0}, {wake_fd, POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return true;
    }
    if (waits[0].revents != 0) return true;
    if (waits[1].revents != 0) return false;
  }
}

}  // namespace netns_lab::protocol
