// What a handle of a session stands for: a command, an echo server, a capture. The tester pulls; nothing is ever
// pushed.
//
//   class CommandHandle final : public HandleObject { … };
//
// Threading: the agent calls read, write and close of one object from several threads at once (a read that waits must
// not hold up a write that would end it). The destructor runs when no call is under way any more; it ends what the
// object stands for and is quick (a command that does not die at once is killed).
#pragma once

#include <string>
#include <string_view>

#include "harness/base/cancellation.h"
#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/protocol/messages.h"

namespace netns_lab::node {

// A reply to `read` with its bytes: output_bytes of output, then error_bytes of standard error.
struct Taken {
  protocol::ReadReply reply;
  std::string bytes;
};

class HandleObject {
 public:
  virtual ~HandleObject() = default;
  HandleObject() = default;
  HandleObject(const HandleObject&) = delete;
  HandleObject& operator=(const HandleObject&) = delete;

  // Takes what is there, at most `maximum` bytes of output and standard error together; waits for the first byte, or
  // the end, until `wait` passes (an empty reply then) or `cancellation` is requested (kCancelled).
  virtual Result<Taken> read(std::uint32_t maximum, Deadline wait, const Cancellation& cancellation) = 0;
  // kInvalid when the object takes none of it. `request.handle` is of no interest here.
  virtual Result<void> write(const protocol::WriteRequest& request, std::string_view bytes, Deadline deadline,
                             const Cancellation& cancellation) = 0;
  // Ends what the object stands for, waiting for it no longer than `deadline`. Called at most once, before the
  // destructor.
  virtual Result<void> close(Deadline deadline) = 0;
};

}  // namespace netns_lab::node
