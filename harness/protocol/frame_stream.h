// A byte stream (a socket, a virtio port, a pipe pair end) that carries frames, with deadlines. It never raises
// SIGPIPE.
//
//   FrameStream stream(std::move(fd));
//   NETNS_LAB_TRY(stream.send(json, raw, deadline));
//   NETNS_LAB_ASSIGN(const Frame frame, stream.receive(deadline));
//
// Errors: kLost when the other side is gone (`detail` says how: ended, reset, cut in the middle of a frame), kTimeout
// when the deadline passed, kCancelled when `cancellation` was requested first, kInternal for bytes that are not our
// protocol. After a kTimeout or kCancelled of `send` a part of the frame may be on its way: the stream is of no more
// use (`broken`). Threading: one thread may send while another receives; two may not do the same.
#pragma once

#include <atomic>
#include <optional>
#include <string_view>

#include "harness/base/cancellation.h"
#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/protocol/frame.h"

namespace netns_lab::protocol {

class FrameStream {
 public:
  explicit FrameStream(UniqueFd fd);  // makes it non-blocking

  Result<void> send(std::string_view json, std::string_view raw, Deadline deadline,
                    const Cancellation* cancellation = nullptr);
  Result<Frame> receive(Deadline deadline, const Cancellation* cancellation = nullptr);
  // A frame that has been read already, without touching the descriptor.
  Result<std::optional<Frame>> take_buffered() { return decoder_.next(); }
  // Waits until the other side is gone (true) or `wake_fd` is readable (false), reading nothing: for a receiver that
  // has no room.
  bool wait_for_end(int wake_fd) const;

  int fd() const { return fd_.get(); }
  bool broken() const { return broken_; }

 private:
  UniqueFd fd_;
  FrameDecoder decoder_;
  bool is_socket_ = true;
  std::atomic<bool> broken_{false};
};

}  // namespace netns_lab::protocol
