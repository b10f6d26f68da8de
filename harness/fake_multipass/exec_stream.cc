#include "harness/fake_multipass/exec_stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace netns_lab::fake_multipass {
namespace {

constexpr std::size_t kHeader = 5;
constexpr std::size_t kMostPayload = 32u << 10;

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return;  // whoever read it is gone; the command learns by the end of the stream
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

short ExecStream::events() const { return static_cast<short>(to_send_.empty() ? POLLIN : POLLIN | POLLOUT); }

void ExecStream::send(ExecFrame::Kind kind, std::string_view payload) {
  do {
    const std::string_view part = payload.substr(0, kMostPayload);
    payload.remove_prefix(part.size());
    const auto length = static_cast<std::uint32_t>(part.size());
    to_send_ += static_cast<char>(kind);
    for (const int shift : {24, 16, 8, 0}) to_send_ += static_cast<char>(length >> shift & 0xFF);
    to_send_ += part;
  } while (!payload.empty());
}

bool ExecStream::send_some(int flags) {
  while (!to_send_.empty()) {
    const ssize_t sent = ::send(socket_.get(), to_send_.data(), to_send_.size(), MSG_NOSIGNAL | flags);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN;
    to_send_.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

bool ExecStream::work() {
  // What came before the end is taken, also when nothing can be sent any more.
  const bool sent = send_some(MSG_DONTWAIT);
  std::array<char, 64u << 10> buffer;
  const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got > 0) taken_.append(buffer.data(), static_cast<std::size_t>(got));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return sent;
  return got > 0 && !is_broken_;
}

std::optional<ExecFrame> ExecStream::next() {
  if (taken_.size() < kHeader || is_broken_) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 1; i < kHeader; ++i) length = length << 8 | static_cast<unsigned char>(taken_[i]);
  is_broken_ = length > kMostPayload;
  if (is_broken_ || taken_.size() < kHeader + length) return std::nullopt;
  ExecFrame frame{.kind = static_cast<ExecFrame::Kind>(taken_[0]), .payload = taken_.substr(kHeader, length)};
  taken_.erase(0, kHeader + length);
  return frame;
}

bool ExecStream::flush() { return send_some(0); }

std::string join_words(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += word + '\0';
  return joined;
}

std::vector<std::string> split_words(std::string_view payload) {
  std::vector<std::string> words;
  for (std::size_t end = payload.find('\0'); end != std::string_view::npos; end = payload.find('\0')) {
    words.emplace_back(payload.substr(0, end));
    payload.remove_prefix(end + 1);
  }
  return words;
}

std::optional<int> run_command(UniqueFd socket, const std::vector<std::string>& argv, int input, int output) {
  using Kind = ExecFrame::Kind;
  ExecStream stream(std::move(socket));
  stream.send(Kind::kCommand, join_words(argv));
  bool input_open = true;
  while (true) {
    std::array<pollfd, 2> waits = {
        {{.fd = stream.fd(), .events = stream.events(), .revents = 0},
         {.fd = input_open && stream.has_room() ? input : -1, .events = POLLIN, .revents = 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return std::nullopt;
    const bool goes_on = waits[0].revents == 0 || stream.work();
    while (const auto frame = stream.next()) {
      if (frame->kind == Kind::kOutput) write_all(output, frame->payload);
      if (frame->kind == Kind::kErrors) write_all(STDERR_FILENO, frame->payload);
      if (frame->kind == Kind::kExit && frame->payload.size() == 1) {
        return static_cast<unsigned char>(frame->payload.front());
      }
    }
    if (!goes_on) return std::nullopt;
    if (waits[1].revents == 0) continue;
    std::array<char, 32u << 10> buffer;
    const ssize_t got = ::read(input, buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    input_open = got > 0;
    if (got > 0) stream.send(Kind::kInput, {buffer.data(), static_cast<std::size_t>(got)});
    if (got <= 0) stream.send(Kind::kInputEnd, "");
  }
}

}  // namespace netns_lab::fake_multipass
