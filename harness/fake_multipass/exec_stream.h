// How the fake `multipass` runs a command in its instance: one stream for each, from the client on this machine to a
// process of its own in the virtual machine, whatever the bytes.
//
//   client ── kCommand, kInput … kInputEnd ──> process in the machine ── fork, exec
//          <── kOutput, kErrors …, kExit ─────
//
//   +---------+-------------+---------+
//   | kind: 1 | length: 4   | payload |    big-endian; at most 32 KiB
//   +---------+-------------+---------+
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/unique_fd.h"

namespace netns_lab::fake_multipass {

struct ExecFrame {
  enum class Kind : std::uint8_t {
    kCommand = 1,  // the words, each ended by a NUL
    kInput = 2,
    kInputEnd = 3,
    kOutput = 4,
    kErrors = 5,
    kExit = 6,  // one byte: its exit status, 128 + N when signal N ended it; nothing follows
  };
  Kind kind = Kind::kInput;
  std::string payload;
};

class ExecStream {
 public:
  explicit ExecStream(UniqueFd socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.get(); }
  // For poll(2): always POLLIN, POLLOUT while something waits to be sent.
  short events() const;
  bool has_room() const { return to_send_.size() < kMostWaiting; }
  void send(ExecFrame::Kind kind, std::string_view payload);
  // Sends and takes what can be without waiting; false when the stream has ended, or what came is no frame.
  bool work();
  std::optional<ExecFrame> next();
  bool flush();  // waits; false when the stream ended before

 private:
  static constexpr std::size_t kMostWaiting = 256u << 10;  // bytes
  bool send_some(int flags);

  UniqueFd socket_;
  std::string to_send_;
  std::string taken_;
  bool is_broken_ = false;
};

std::string join_words(const std::vector<std::string>& words);
std::vector<std::string> split_words(std::string_view payload);

// In the machine: runs the command that the stream asks for, to its end. In a process of its own, which then ends.
void serve_command(UniqueFd socket);
// On this machine: the caller's standard input, output and error are the command's. Its status; none: the stream ended
// before.
std::optional<int> run_command(UniqueFd socket, const std::vector<std::string>& argv, int input, int output);

}  // namespace netns_lab::fake_multipass
