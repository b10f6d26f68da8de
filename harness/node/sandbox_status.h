// How the processes of a lab tell whoever starts it that they are ready, or why they are not: one datagram each.
#pragma once

#include <string>
#include <string_view>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {

struct StatusChannel {
  UniqueFd starter;  // reads
  UniqueFd lab;      // the processes of the lab write; shared by all of them
  static Result<StatusChannel> create();
};

void report_ready(int lab_end);
void report_error(int lab_end, const Error& error);

// Waits for `count` reports of readiness. The first error reported is returned; kLost when every process of the lab is
// gone before, kTimeout at the deadline.
Result<void> await_ready(const UniqueFd& starter_end, int count, Deadline deadline);

// Errors as bytes.
std::string encode_error(const Error& error);
Error decode_error(std::string_view bytes);

}  // namespace netns_lab::node
