#include "harness/protocol/channels.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "harness/base/deadline.h"

namespace netns_lab::protocol {
namespace {

using ::testing::HasSubstr;
using Kind = ChannelFrame::Kind;

struct Pair {
  UniqueFd a;
  UniqueFd b;
};

Pair stream_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::runtime_error("socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void put(const UniqueFd& fd, const std::string& text) {
  ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

// "" at the end of the stream, "(nothing)" when it is open and nothing is there.
std::string take(const UniqueFd& fd) {
  std::string text(64 * 1024, '\0');
  const ssize_t got = ::recv(fd.get(), text.data(), text.size(), MSG_DONTWAIT);
  if (got < 0) return "(nothing)";
  text.resize(static_cast<std::size_t>(got));
  return text;
}

// A tester's trunk and a guest's, joined; each accepted channel's far end is in `agents`, by its label.
class Channels : public ::testing::Test {
 protected:
  Channels() : Channels(stream_pair()) {}

  UniqueFd open(const std::string& label) {
    Pair tester = stream_pair();
    opener_.open(label, std::move(tester.b));
    settle();
    return std::move(tester.a);
  }
  // Lets both sides work until neither has anything to do.
  void settle() {
    for (int quiet = 0; quiet < 2;) {
      const bool opener_worked = step(opener_);
      const bool acceptor_worked = step(acceptor_);
      quiet = opener_worked || acceptor_worked ? 0 : quiet + 1;
    }
  }
  bool step(ChannelTrunk& trunk) {
    std::vector<pollfd> waits;
    trunk.watch(waits);
    if (::poll(waits.data(), waits.size(), 0) <= 0) return false;
    last_ = trunk.work(waits);
    EXPECT_TRUE(last_.has_value()) << last_.error();
    return last_.has_value();
  }

  explicit Channels(Pair port)
      : opener_(std::move(port.a), ChannelTrunk::Side::kOpens),
        acceptor_(std::move(port.b), ChannelTrunk::Side::kAccepts, [this](const std::string& label) {
          if (label == "refused") return UniqueFd();
          Pair agent = stream_pair();
          agents_[label] = std::move(agent.a);
          return std::move(agent.b);
        }) {}

  std::map<std::string, UniqueFd> agents_;
  ChannelTrunk opener_;
  ChannelTrunk acceptor_;
  Result<void> last_;
};

TEST_F(Channels, CarryManyStreamsAtOnceWithoutMixingThemUp) {
  const UniqueFd first = open("first");
  const UniqueFd second = open("second");
  put(first, "to first");
  put(second, "to second");
  put(agents_["first"], "from first");
  put(agents_["second"], "from second");
  settle();
  EXPECT_EQ(take(agents_["first"]), "to first");
  EXPECT_EQ(take(agents_["second"]), "to second");
  EXPECT_EQ(take(first), "from first");
  EXPECT_EQ(take(second), "from second");
}

TEST_F(Channels, TellTheEndEitherWayAndWhatWasSaidBefore) {
  UniqueFd tester = open("tester ends");
  put(tester, "last words");
  tester.reset();
  settle();
  EXPECT_EQ(take(agents_["tester ends"]), "last words");
  EXPECT_EQ(take(agents_["tester ends"]), "");
  const UniqueFd other = open("agent ends");
  put(agents_["agent ends"], "last words");
  agents_["agent ends"].reset();
  settle();
  EXPECT_EQ(take(other), "last words");
  EXPECT_EQ(take(other), "");
  EXPECT_EQ(opener_.channels(), 0u);
  EXPECT_EQ(acceptor_.channels(), 0u);
}

TEST_F(Channels, ARefusedOneEndsAndHarmsNoOther) {
  const UniqueFd kept = open("kept");
  const UniqueFd refused = open("refused");
  EXPECT_EQ(take(refused), "");
  put(kept, "still there");
  settle();
  EXPECT_EQ(take(agents_["kept"]), "still there");
}

// Reader and writer in one thread: what does not fit is left for the next time.
std::size_t pour(const UniqueFd& into, std::size_t bytes) {
  const std::string text(bytes, 'x');
  const ssize_t sent = ::send(into.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

TEST_F(Channels, OneThatIsNotReadHoldsUpItselfOnly) {
  const UniqueFd flooded = open("flood");
  const UniqueFd other = open("other");
  std::size_t written = 0;
  for (std::size_t more = 1; more != 0; written += more) {
    more = pour(agents_["flood"], 1 << 20);
    settle();
  }
  EXPECT_GE(written, kChannelWindow);
  EXPECT_LT(written, 4u << 20);  // bounded: the window and the socket's buffers
  put(agents_["other"], "through");
  settle();
  EXPECT_EQ(take(other), "through");
  std::size_t read = 0;
  for (std::string text; (text = take(flooded)) != "(nothing)"; read += text.size()) settle();
  EXPECT_EQ(read, written);
}

TEST_F(Channels, ATesterThatHangsUpIsNoticedThoughItsAgentTakesNothing) {
  UniqueFd tester = open("stuck");
  for (std::size_t more = 1; more != 0;) {
    more = pour(tester, 1 << 20);
    settle();
  }
  tester.reset();
  settle();
  std::string text;
  while (!(text = take(agents_["stuck"])).empty()) {
    ASSERT_NE(text, "(nothing)");
    settle();
  }
  EXPECT_EQ(opener_.channels(), 0u);
}

TEST_F(Channels, SmallPiecesDoNotUseTheWindowUp) {
  const UniqueFd tester = open("talk");
  std::size_t total = 0;
  while (total < 3 * kChannelWindow) {
    put(tester, std::string(1000, 'q'));
    settle();
    total += 1000;
    ASSERT_EQ(take(agents_["talk"]).size(), 1000u) << "after " << total << " bytes";
  }
}

TEST(ChannelTrunkAlone, SaysThatItsPortEnded) {
  Pair port = stream_pair();
  ChannelTrunk trunk(std::move(port.a), ChannelTrunk::Side::kOpens);
  port.b.reset();
  std::vector<pollfd> waits;
  trunk.watch(waits);
  ASSERT_GT(::poll(waits.data(), waits.size(), 0), 0);
  const auto worked = trunk.work(waits);
  ASSERT_FALSE(worked.has_value());
  EXPECT_EQ(worked.error().kind, ErrorKind::kLost);
}

TEST(ChannelTrunkAlone, HearsTheGreeting) {
  Pair port = stream_pair();
  ChannelTrunk trunk(std::move(port.a), ChannelTrunk::Side::kOpens);
  EXPECT_FALSE(trunk.greeting());
  put(port.b, encode({.channel = 0, .kind = Kind::kGreeting, .payload = "ready"}));
  std::vector<pollfd> waits;
  trunk.watch(waits);
  ASSERT_GT(::poll(waits.data(), waits.size(), 0), 0);
  ASSERT_TRUE(trunk.work(waits).has_value());
  EXPECT_EQ(trunk.greeting(), "ready");
}

// A port of two pipes, as a command carries it.
TEST(ChannelTrunkOverTwoPipes, CarriesMoreThanAPipeHoldsBothWaysAndTellsTheEnd) {
  std::array<int, 2> there{};
  std::array<int, 2> back{};
  ASSERT_EQ(::pipe2(there.data(), O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(back.data(), O_CLOEXEC), 0);
  Pair agent = stream_pair();
  Pair tester = stream_pair();
  ChannelTrunk opener(UniqueFd{back[0]}, UniqueFd{there[1]}, ChannelTrunk::Side::kOpens);
  std::optional<ChannelTrunk> acceptor;
  acceptor.emplace(UniqueFd(there[0]), UniqueFd(back[1]), ChannelTrunk::Side::kAccepts,
                   [&agent](const std::string&) { return std::move(agent.b); });
  opener.open("x", std::move(tester.b));
  const std::string text(100'000, 'x');
  put(tester.a, text);
  put(agent.a, text);
  std::size_t reached_agent = 0;
  std::size_t reached_tester = 0;
  const Deadline deadline = Deadline::after(std::chrono::seconds(10));
  while ((reached_agent < text.size() || reached_tester < text.size()) && !deadline.passed()) {
    for (ChannelTrunk* trunk : {&opener, &*acceptor}) {
      std::vector<pollfd> waits;
      trunk->watch(waits);
      if (::poll(waits.data(), waits.size(), 0) <= 0) continue;
      ASSERT_TRUE(trunk->work(waits).has_value());
    }
    for (auto [end, count] : {std::pair(&agent.a, &reached_agent), std::pair(&tester.a, &reached_tester)}) {
      if (const std::string got = take(*end); got != "(nothing)") *count += got.size();
    }
  }
  EXPECT_EQ(reached_agent, text.size());
  EXPECT_EQ(reached_tester, text.size());
  acceptor.reset();
  std::vector<pollfd> waits;
  opener.watch(waits);
  ASSERT_GT(::poll(waits.data(), waits.size(), 0), 0);
  const auto worked = opener.work(waits);
  ASSERT_FALSE(worked.has_value());
  EXPECT_EQ(worked.error().kind, ErrorKind::kLost);
}

struct NonsenseCase {
  std::string name;
  std::string bytes;
  std::string told;
};
void PrintTo(const NonsenseCase& row, std::ostream* out) { *out << row.name; }

class ChannelNonsense : public ::testing::TestWithParam<NonsenseCase> {};

TEST_P(ChannelNonsense, IsAnErrorThatSaysWhat) {
  Pair port = stream_pair();
  ChannelTrunk trunk(std::move(port.a), ChannelTrunk::Side::kOpens);
  put(port.b, GetParam().bytes);
  std::vector<pollfd> waits;
  trunk.watch(waits);
  ASSERT_GT(::poll(waits.data(), waits.size(), 0), 0);
  const auto worked = trunk.work(waits);
  ASSERT_FALSE(worked.has_value());
  EXPECT_EQ(worked.error().kind, ErrorKind::kInternal);
  EXPECT_THAT(worked.error().message(), HasSubstr(GetParam().told));
}

INSTANTIATE_TEST_SUITE_P(
    Every, ChannelNonsense,
    ::testing::Values(
        NonsenseCase{"UnknownKind", std::string("\0\0\0\1\11\0\0\0", 8), "kind 9"},
        NonsenseCase{"TooLong", std::string("\0\0\0\1\3\377\377\377", 8), "16777215 bytes"},
        NonsenseCase{"UnknownChannel", encode({.channel = 7, .kind = Kind::kData, .payload = "x"}), "channel 7"},
        NonsenseCase{"OpenFromTheGuest", encode({.channel = 7, .kind = Kind::kOpen, .payload = "x"}), "opened"},
        NonsenseCase{"TwoGreetings",
                     encode({.channel = 0, .kind = Kind::kGreeting, .payload = ""}) +
                         encode({.channel = 0, .kind = Kind::kGreeting, .payload = ""}),
                     "greeting"}),
    [](const auto& row) { return row.param.name; });

TEST(ChannelDecoder, TakesFramesInPiecesOfAnySize) {
  const ChannelFrame one = {.channel = 3, .kind = Kind::kData, .payload = "abc"};
  const ChannelFrame two = {.channel = 0x01020304, .kind = Kind::kClose, .payload = ""};
  const std::string bytes = encode(one) + encode(two);
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    ChannelDecoder decoder;
    std::vector<ChannelFrame> frames;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      decoder.feed(std::string_view(bytes).substr(at, piece));
      for (auto frame = decoder.next(); frame && *frame; frame = decoder.next()) frames.push_back(**frame);
    }
    EXPECT_EQ(frames, (std::vector<ChannelFrame>{one, two})) << "in pieces of " << piece;
  }
}

}  // namespace
}  // namespace netns_lab::protocol
