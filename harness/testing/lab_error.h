// The lab or the harness broke, or "cannot tell": thrown only in this folder, where a Result meets a test body. Whoever
// throws it has marked the running case as `error` first, so that GoogleTest's report of an exception is never taken
// for the target's failure.
#pragma once

#include <stdexcept>

#include "harness/base/error.h"

namespace netns_lab {

class LabError : public std::runtime_error {
 public:
  explicit LabError(Error error) : std::runtime_error(error.message()), error_(std::move(error)) {}
  const Error& error() const { return error_; }

 private:
  Error error_;
};

}  // namespace netns_lab
