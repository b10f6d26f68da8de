#include "harness/protocol/channels.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace netns_lab::protocol {
namespace {

void append_big_endian(std::string& to, std::uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) to += static_cast<char>((value >> shift) & 0xFF);
}

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes) value = (value << 8) | static_cast<std::uint8_t>(byte);
  return value;
}

Error nonsense(const std::string& what) {
  return Error::internal("read the virtual machine's port", what + ": the other side does not speak this protocol");
}

bool would_wait(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

std::string encode(const ChannelFrame& frame) {
  std::string bytes;
  bytes.reserve(kChannelHeaderSize + frame.payload.size());
  append_big_endian(bytes, frame.channel, 4);
  bytes += static_cast<char>(frame.kind);
  append_big_endian(bytes, static_cast<std::uint32_t>(frame.payload.size()), 3);
  return bytes + frame.payload;
}

Result<std::optional<ChannelFrame>> ChannelDecoder::next() {
  const std::string_view left = std::string_view(buffer_).substr(consumed_);
  if (left.size() >= kChannelHeaderSize) {
    const std::uint32_t kind = big_endian(left.substr(4, 1));
    const std::size_t length = big_endian(left.substr(5, 3));
    if (kind < 1 || kind > static_cast<std::uint32_t>(ChannelFrame::Kind::kClose)) {
      return tl::unexpected(nonsense(fmt::format("a frame of kind {}", kind)));
    }
    if (length > kMaximumChannelPayload) return tl::unexpected(nonsense(fmt::format("a frame of {} bytes", length)));
    if (left.size() >= kChannelHeaderSize + length) {
      ChannelFrame frame;
      frame.channel = big_endian(left.substr(0, 4));
      frame.kind = static_cast<ChannelFrame::Kind>(kind);
      frame.payload = left.substr(kChannelHeaderSize, length);
      consumed_ += kChannelHeaderSize + length;
      return frame;
    }
  }
  buffer_.erase(0, consumed_);
  consumed_ = 0;
  return std::nullopt;
}

ChannelTrunk::ChannelTrunk(UniqueFd port, Side side, Acceptor acceptor)
    : ChannelTrunk(std::move(port), UniqueFd(), side, std::move(acceptor)) {}

ChannelTrunk::ChannelTrunk(UniqueFd from_port, UniqueFd to_port, Side side, Acceptor acceptor)
    : port_(std::move(from_port)), output_(std::move(to_port)), side_(side), acceptor_(std::move(acceptor)) {
  for (const int fd : {port_.get(), output_.get()}) {
    const int flags = fd >= 0 ? ::fcntl(fd, F_GETFL) : -1;
    if (flags >= 0) ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  }
}

void ChannelTrunk::open(const std::string& label, UniqueFd local) {
  const std::uint32_t number = next_++;
  channels_[number].local = std::move(local);
  send({.channel = number, .kind = ChannelFrame::Kind::kOpen, .payload = label});
}

void ChannelTrunk::accept(std::uint32_t number, const std::string& label) {
  const auto at = channels_.try_emplace(number).first;
  at->second.local = acceptor_(label);
  if (!at->second.local.valid()) end_local(at);
}

// 0: let it rest.
short ChannelTrunk::wanted(const Channel& channel) const {
  int events = 0;
  if (channel.credit > 0 && has_room() && !channel.heard_close) events |= POLLIN;
  if (!channel.to_local.empty()) events |= POLLOUT;
  return static_cast<short>(events);
}

void ChannelTrunk::watch(std::vector<pollfd>& waits) const {
  const short out = to_port_.empty() ? short{0} : short{POLLOUT};
  if (output_.valid()) {
    waits.push_back({.fd = port_.get(), .events = POLLIN, .revents = 0});
    if (out != 0) waits.push_back({.fd = output_.get(), .events = out, .revents = 0});
  } else {
    waits.push_back({.fd = port_.get(), .events = static_cast<short>(POLLIN | out), .revents = 0});
  }
  for (const auto& [number, channel] : channels_) {
    const short events = wanted(channel);
    // A tester that hangs up while its agent takes nothing more is to be noticed (POLLHUP comes unasked). What an
    // agent wrote last is to be kept until the tester has room for it: so there a resting stream is not looked at.
    if (channel.local.valid() && (events != 0 || (side_ == Side::kOpens && channel.credit == 0))) {
      waits.push_back({.fd = channel.local.get(), .events = events, .revents = 0});
    }
  }
}

Result<void> ChannelTrunk::work(std::span<const pollfd> waits) {
  for (const pollfd& wait : waits) {
    if (wait.revents == 0) continue;
    if (output_.valid() && wait.fd == output_.get()) {
      NETNS_LAB_TRY(write_port());
      continue;
    }
    if (wait.fd == port_.get()) {
      if ((wait.revents & POLLOUT) != 0) NETNS_LAB_TRY(write_port());
      if ((wait.revents & ~POLLOUT) != 0) NETNS_LAB_TRY(read_port());
      continue;
    }
    const auto at = std::find_if(channels_.begin(), channels_.end(),
                                 [&](const auto& channel) { return channel.second.local.get() == wait.fd; });
    if (at != channels_.end()) serve(at, wait.revents);
  }
  return to_port_.empty() ? Result<void>() : write_port();
}

Result<void> ChannelTrunk::write_port() {
  while (!to_port_.empty()) {
    const ssize_t written = ::write(writing_end(), to_port_.data(), to_port_.size());
    if (written < 0 && would_wait(errno)) return {};
    if (written < 0) return tl::unexpected(Error::lost("write to the virtual machine's port", errno_name(errno)));
    to_port_.erase(0, static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> ChannelTrunk::read_port() {
  std::array<char, 64 * 1024> buffer;
  const ssize_t got = ::read(port_.get(), buffer.data(), buffer.size());
  if (got < 0 && would_wait(errno)) return {};
  if (got <= 0) {
    return tl::unexpected(Error::lost("read the virtual machine's port", got == 0 ? "it ended" : errno_name(errno)));
  }
  decoder_.feed(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
  while (true) {
    NETNS_LAB_ASSIGN(std::optional<ChannelFrame> frame, decoder_.next());
    if (!frame) return {};
    NETNS_LAB_TRY(take(*std::move(frame)));
  }
}

Result<void> ChannelTrunk::take(ChannelFrame frame) {
  using Kind = ChannelFrame::Kind;
  const auto at = channels_.find(frame.channel);
  const bool is_known = at != channels_.end();
  if (frame.kind == Kind::kGreeting) {
    if (side_ != Side::kOpens || greeting_) return tl::unexpected(nonsense("an unexpected greeting"));
    greeting_ = std::move(frame.payload);
    return {};
  }
  if (frame.kind == Kind::kOpen) {
    if (side_ != Side::kAccepts || is_known) return tl::unexpected(nonsense("a channel that cannot be opened"));
    accept(frame.channel, frame.payload);
    return {};
  }
  if (!is_known) return tl::unexpected(nonsense(fmt::format("channel {}, which is not open", frame.channel)));
  Channel& channel = at->second;
  switch (frame.kind) {
    case Kind::kData:
      if (!channel.local.valid()) return {};  // we have said that we take no more; it crossed
      if (channel.to_local.size() + channel.ungranted + frame.payload.size() > kChannelWindow) {
        return tl::unexpected(nonsense("more bytes than the window allows"));
      }
      channel.to_local += frame.payload;
      write_local(at);
      return {};
    case Kind::kCredit:
      if (frame.payload.size() != 4) return tl::unexpected(nonsense("a credit without a number"));
      channel.credit += big_endian(frame.payload);
      if (channel.credit > kChannelWindow) return tl::unexpected(nonsense("more credit than the window"));
      return {};
    default:
      channel.heard_close = true;
      if (channel.to_local.empty()) end_local(at);
      return {};
  }
}

void ChannelTrunk::serve(Channels::iterator at, short events) {
  Channel& channel = at->second;
  if ((events & POLLOUT) != 0) {
    const std::uint32_t number = at->first;
    write_local(at);
    at = channels_.find(number);
    if (at == channels_.end() || !at->second.local.valid()) return;
  }
  if ((events & POLLIN) != 0 && channel.credit > 0) return read_local(at);
  if ((events & (POLLHUP | POLLERR)) == 0) return;
  if (channel.credit > 0 && !channel.heard_close) return read_local(at);
  end_local(at);
}

void ChannelTrunk::read_local(Channels::iterator at) {
  Channel& channel = at->second;
  std::string bytes(std::min(channel.credit, kMaximumChannelPayload), '\0');
  const ssize_t got = ::recv(channel.local.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && would_wait(errno)) return;
  if (got <= 0) return end_local(at);
  bytes.resize(static_cast<std::size_t>(got));
  channel.credit -= bytes.size();
  send({.channel = at->first, .kind = ChannelFrame::Kind::kData, .payload = std::move(bytes)});
}

void ChannelTrunk::write_local(Channels::iterator at) {
  Channel& channel = at->second;
  while (!channel.to_local.empty()) {
    const ssize_t sent =
        ::send(channel.local.get(), channel.to_local.data(), channel.to_local.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && would_wait(errno)) break;
    if (sent < 0) return end_local(at);
    channel.to_local.erase(0, static_cast<std::size_t>(sent));
    channel.ungranted += static_cast<std::size_t>(sent);
  }
  if (channel.heard_close) {
    if (channel.to_local.empty()) end_local(at);
    return;
  }
  // In large pieces: a frame for every few bytes would double the traffic.
  if (channel.ungranted >= kChannelWindow / 4) {
    std::string payload;
    append_big_endian(payload, static_cast<std::uint32_t>(std::exchange(channel.ungranted, 0)), 4);
    send({.channel = at->first, .kind = ChannelFrame::Kind::kCredit, .payload = std::move(payload)});
  }
}

// Forgets the channel once both sides have said that it ended; the number is never used again.
void ChannelTrunk::end_local(Channels::iterator at) {
  Channel& channel = at->second;
  channel.local.reset();
  channel.to_local.clear();
  if (!std::exchange(channel.said_close, true)) {
    send({.channel = at->first, .kind = ChannelFrame::Kind::kClose, .payload = ""});
  }
  if (channel.heard_close) channels_.erase(at);
}

}  // namespace netns_lab::protocol
