// How somebody gets a stream into a machine that another process keeps: a label and the far end of a socket pair go
// through the door, a unix stream socket; whoever keeps the machine joins that end to a channel of this label.
//
//   worker ──(label, descriptor)──> door ──> keeper of the machine
//   worker ══════════ stream ══════════════> channel of that label
//
// Threading: open_stream() may be called by several threads and processes at once: a label is one message.
#pragma once

#include <optional>
#include <string>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::qemu {

inline constexpr std::size_t kMaximumLabel = 63;  // bytes

// The near end. kLost when nobody keeps the machine any more.
Result<UniqueFd> open_stream(const UniqueFd& door, const std::string& label);

struct DoorCall {
  std::string label;
  UniqueFd stream;
};
// The next call that waits at the door, whose descriptor is readable. None when what came is no call, which is passed
// over. kLost when nobody is left outside.
Result<std::optional<DoorCall>> answer(const UniqueFd& door);

}  // namespace netns_lab::qemu
