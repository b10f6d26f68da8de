#include "harness/base/error.h"

#include <fmt/format.h>

#include <cstring>
#include <ostream>
#include <utility>

namespace netns_lab {
namespace {

Error make(ErrorKind kind, int system_errno, std::string attempted, std::string detail, std::string remedy) {
  return {.kind = kind,
          .system_errno = system_errno,
          .attempted = std::move(attempted),
          .detail = std::move(detail),
          .remedy = std::move(remedy)};
}

}  // namespace

Error Error::system(std::string attempted, int system_errno, std::string detail) {
  return make(ErrorKind::kSystem, system_errno, std::move(attempted), std::move(detail), "");
}
Error Error::invalid(std::string attempted, std::string detail, std::string remedy) {
  return make(ErrorKind::kInvalid, 0, std::move(attempted), std::move(detail), std::move(remedy));
}
Error Error::missing(std::string attempted, std::string detail, std::string remedy) {
  return make(ErrorKind::kMissing, 0, std::move(attempted), std::move(detail), std::move(remedy));
}
Error Error::taken(std::string attempted, std::string detail, std::string remedy) {
  return make(ErrorKind::kTaken, 0, std::move(attempted), std::move(detail), std::move(remedy));
}
Error Error::timeout(std::string attempted, std::string last_seen) {
  return make(ErrorKind::kTimeout, 0, std::move(attempted), std::move(last_seen), "");
}
Error Error::lost(std::string attempted, std::string detail) {
  return make(ErrorKind::kLost, 0, std::move(attempted), std::move(detail), "");
}
Error Error::cancelled(std::string attempted) {
  return make(ErrorKind::kCancelled, 0, std::move(attempted), "cancelled", "");
}
Error Error::internal(std::string attempted, std::string detail) {
  return make(ErrorKind::kInternal, 0, std::move(attempted), std::move(detail), "");
}

std::string errno_name(int system_errno) {
  const char* name = strerrorname_np(system_errno);
  return name != nullptr ? std::string(name) : fmt::format("errno {}", system_errno);
}

std::string Error::message() const {
  std::string text = attempted;
  if (system_errno != 0) {
    text += fmt::format(": {} ({})", errno_name(system_errno),
                        strerrordesc_np(system_errno) != nullptr ? strerrordesc_np(system_errno) : "unknown error");
    if (!detail.empty()) text += "; the kernel says: " + detail;
  } else if (kind == ErrorKind::kTimeout) {
    text += ": not in time" + (detail.empty() ? std::string() : "; last seen: " + detail);
  } else if (!detail.empty()) {
    text += ": " + detail;
  }
  if (!remedy.empty()) text += "; " + remedy;
  return text;
}

std::ostream& operator<<(std::ostream& out, const Error& error) { return out << error.message(); }

}  // namespace netns_lab
