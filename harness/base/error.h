// What went wrong, in words a person can act on.
//
//   return tl::unexpected(Error::system("add route 10.1.0.0/16 via 10.0.0.1 on node-1", EEXIST, extack_text));
//   -> "add route 10.1.0.0/16 via 10.0.0.1 on node-1: EEXIST (File exists); the kernel says: ..."
//
// `Result<T>` is for what can fail at run time; exceptions are for programmer error only.
#pragma once

#include <iosfwd>
#include <string>
#include <tl/expected.hpp>

namespace netns_lab {

// What sort of failure it is; the command line derives its exit status from it.
enum class ErrorKind {
  kSystem,     // a system call or the kernel refused; `system_errno` says how
  kInvalid,    // the user's input is wrong (exit 2)
  kMissing,    // a lab, a privilege or a program is missing (exit 3)
  kTaken,      // a name or address we need is already in use (exit 3)
  kTimeout,    // a deadline passed
  kLost,       // the stream to the agent ended, or the agent died (exit 3)
  kCancelled,  // somebody asked us to stop
  kInternal,   // the harness itself broke (exit 4)
};

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  int system_errno = 0;   // 0 when no system call is to blame
  std::string attempted;  // what was tried, with its arguments
  std::string detail;     // what came back: the kernel's extended ack, the last thing seen
  std::string remedy;     // what to do about it; may be empty

  static Error system(std::string attempted, int system_errno, std::string detail = "");
  static Error invalid(std::string attempted, std::string detail, std::string remedy = "");
  static Error missing(std::string attempted, std::string detail, std::string remedy = "");
  static Error taken(std::string attempted, std::string detail, std::string remedy = "");
  static Error timeout(std::string attempted, std::string last_seen);
  static Error lost(std::string attempted, std::string detail);
  static Error cancelled(std::string attempted);
  static Error internal(std::string attempted, std::string detail);

  // One line: what was tried, ENAME (text), detail, remedy.
  std::string message() const;
  bool operator==(const Error&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Error& error);

// "EEXIST", or "errno 4711" for a number without a name.
std::string errno_name(int system_errno);

template <typename T>
using Result = tl::expected<T, Error>;

}  // namespace netns_lab

// Return the error of `expression` (a Result) from the enclosing function, or go on.
#define NETNS_LAB_TRY(expression)                                          \
  do {                                                                     \
    if (auto netns_lab_try_result = (expression); !netns_lab_try_result) { \
      return tl::unexpected(std::move(netns_lab_try_result).error());      \
    }                                                                      \
  } while (false)

#define NETNS_LAB_CONCAT_INNER(a, b) a##b
#define NETNS_LAB_CONCAT(a, b) NETNS_LAB_CONCAT_INNER(a, b)

// NETNS_LAB_ASSIGN(const auto links, list_links(socket));   declares `links`, or returns the error.
#define NETNS_LAB_ASSIGN(declaration, expression)                                            \
  auto NETNS_LAB_CONCAT(netns_lab_result_, __LINE__) = (expression);                         \
  if (!NETNS_LAB_CONCAT(netns_lab_result_, __LINE__)) {                                      \
    return tl::unexpected(std::move(NETNS_LAB_CONCAT(netns_lab_result_, __LINE__)).error()); \
  }                                                                                          \
  declaration = *std::move(NETNS_LAB_CONCAT(netns_lab_result_, __LINE__))
