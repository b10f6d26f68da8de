// Many byte streams over one: sessions to the agents of a virtual machine share its one virtio port. The tester's side
// opens channels, the guest's side accepts them; each is joined to a local unix stream socket.
//
//   tester ──socket──┐                                              ┌──socket── agent
//   tester ──socket──┤ ChannelTrunk ══ virtio port ══ ChannelTrunk  ├──socket── agent
//
//   +------------+---------+-------------+---------+
//   | channel: 4 | kind: 1 | length: 3   | payload |    big-endian; at most 32 KiB of payload
//   +------------+---------+-------------+---------+
//
// A trunk lives as long as its machine and is never opened twice, so a frame that is cut in half belongs to a machine
// that is dead. Each channel has a window: bytes sent and not yet taken by whoever reads at the far end. So one that
// does not read holds up its own channel only. The end of a local stream is told at once, whichever way it ended.
//
//   ChannelTrunk trunk(std::move(port), ChannelTrunk::Side::kAccepts, [](const std::string& label) { …; return fd; });
//   while (true) {
//     std::vector<pollfd> waits; trunk.watch(waits); ::poll(waits.data(), waits.size(), -1);
//     NETNS_LAB_TRY(trunk.work(waits));
//   }
//
// Threading: one thread. SIGPIPE must be ignored (the port may be no socket).
#pragma once

#include <poll.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::protocol {

inline constexpr std::size_t kChannelHeaderSize = 8;
inline constexpr std::size_t kMaximumChannelPayload = 32u << 10;  // bytes
inline constexpr std::size_t kChannelWindow = 256u << 10;         // bytes under way per channel and direction

struct ChannelFrame {
  enum class Kind : std::uint8_t {
    kGreeting = 1,  // of the accepting side, once, on channel 0; its text is the payload
    kOpen = 2,      // of the opening side; the payload is the label
    kData = 3,
    kCredit = 4,  // four bytes, big-endian: so many bytes more may be sent
    kClose = 5,   // nothing more comes from this side, and nothing more is taken
  };
  std::uint32_t channel = 0;
  Kind kind = Kind::kData;
  std::string payload;
  bool operator==(const ChannelFrame&) const = default;
};

std::string encode(const ChannelFrame& frame);

// Any bytes give frames, "not yet" (none) or an error (kInternal), which is final.
class ChannelDecoder {
 public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  Result<std::optional<ChannelFrame>> next();

 private:
  std::string buffer_;
  std::size_t consumed_ = 0;
};

class ChannelTrunk {
 public:
  enum class Side { kOpens, kAccepts };
  // The local stream of a channel that the other side wants to open; an empty one refuses it.
  using Acceptor = std::function<UniqueFd(const std::string& label)>;

  ChannelTrunk(UniqueFd port, Side side, Acceptor acceptor = {});
  // A port of two descriptors: what comes and what goes (pipes to a command that carries the stream).
  ChannelTrunk(UniqueFd from_port, UniqueFd to_port, Side side, Acceptor acceptor = {});

  void open(const std::string& label, UniqueFd local);  // kOpens only
  // What the accepting side had to say first; none yet before it came.
  const std::optional<std::string>& greeting() const { return greeting_; }
  std::size_t channels() const { return channels_.size(); }

  void watch(std::vector<pollfd>& waits) const;  // appends what is to be polled
  // Does what the polled descriptors allow; others among them are passed over. kLost: the port's other side is gone.
  // kInternal: what came is not this protocol.
  Result<void> work(std::span<const pollfd> waits);

 private:
  struct Channel {
    UniqueFd local;        // empty once it has ended
    std::string to_local;  // taken from the port, not yet written
    std::size_t credit = kChannelWindow;
    std::size_t ungranted = 0;  // written to the local stream, not yet given back as credit
    bool said_close = false;
    bool heard_close = false;
  };
  using Channels = std::map<std::uint32_t, Channel>;

  void send(ChannelFrame frame) { to_port_ += encode(frame); }
  bool has_room() const { return to_port_.size() < kChannelWindow; }
  short wanted(const Channel& channel) const;
  Result<void> read_port();
  Result<void> write_port();
  Result<void> take(ChannelFrame frame);
  void accept(std::uint32_t number, const std::string& label);
  void serve(Channels::iterator at, short events);
  void read_local(Channels::iterator at);
  void write_local(Channels::iterator at);
  void end_local(Channels::iterator at);

  int writing_end() const { return output_.valid() ? output_.get() : port_.get(); }

  UniqueFd port_;
  UniqueFd output_;  // empty where the port is one descriptor
  Side side_;
  Acceptor acceptor_;
  ChannelDecoder decoder_;
  std::string to_port_;
  Channels channels_;
  std::uint32_t next_ = 1;
  std::optional<std::string> greeting_;
};

}  // namespace netns_lab::protocol
