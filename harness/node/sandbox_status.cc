#include "harness/node/sandbox_status.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "harness/base/socket_pair.h"

namespace netns_lab::node {
namespace {

constexpr std::string_view kReady = "ready";
constexpr std::size_t kLongest = 32 * 1024;

void send_all(int socket, std::string_view bytes) {
  // Whoever reads may be gone; MSG_NOSIGNAL, and there is nobody else to tell.
  static_cast<void>(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

}  // namespace

Result<StatusChannel> StatusChannel::create() {
  NETNS_LAB_ASSIGN(auto pair, socket_pair(SOCK_SEQPACKET, "create a socket pair for a lab's status"));
  return StatusChannel{.starter = std::move(pair.first), .lab = std::move(pair.second)};
}

std::string encode_error(const Error& error) {
  // Fields end with NUL, so none may hold one.
  const auto field = [](std::string text) {
    for (char& byte : text) {
      if (byte == '\0') byte = ' ';
    }
    return text.substr(0, kLongest / 4) + '\0';
  };
  return field(std::to_string(static_cast<int>(error.kind))) + field(std::to_string(error.system_errno)) +
         field(error.attempted) + field(error.detail) + field(error.remedy);
}

Error decode_error(std::string_view bytes) {
  std::vector<std::string> fields;
  while (fields.size() < 5) {
    const std::size_t end = bytes.find('\0');
    fields.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  }
  return {.kind = static_cast<ErrorKind>(std::atoi(fields[0].c_str())),
          .system_errno = std::atoi(fields[1].c_str()),
          .attempted = fields[2],
          .detail = fields[3],
          .remedy = fields[4]};
}

void report_ready(int lab_end) { send_all(lab_end, kReady); }
void report_error(int lab_end, const Error& error) { send_all(lab_end, encode_error(error)); }

Result<void> await_ready(const UniqueFd& starter_end, int count, Deadline deadline) {
  for (int seen = 0; seen < count;) {
    pollfd waiting{.fd = starter_end.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, deadline.poll_timeout());
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return tl::unexpected(Error::system("wait for a lab to be set up", errno));
    if (ready == 0)
      return tl::unexpected(
          Error::timeout("wait for a lab to be set up", fmt::format("{} of {} nodes ready", seen, count)));
    std::vector<char> bytes(kLongest);
    const ssize_t length = ::recv(starter_end.get(), bytes.data(), bytes.size(), 0);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0)
      return tl::unexpected(Error::lost("wait for a lab to be set up", "its processes ended without saying why"));
    const std::string_view said(bytes.data(), static_cast<std::size_t>(length));
    if (said != kReady) return tl::unexpected(decode_error(said));
    ++seen;
  }
  return {};
}

}  // namespace netns_lab::node
