#include "harness/node/request_pump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <optional>

#include "harness/protocol/json.h"

namespace netns_lab::node {
namespace {

using protocol::FrameStream;
using protocol::ReplyEnvelope;
using protocol::RequestEnvelope;
using testing::HasSubstr;
using namespace std::chrono_literals;

// A pump on a thread of its own whose operations are: "echo" gives its arguments and raw bytes back; "wait" ends only
// when cancelled; "throw" throws.
class PumpTest : public testing::Test {
 protected:
  PumpTest() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("socketpair");
    tester_.emplace(UniqueFd(ends[0]));
    agent_end_ = UniqueFd(ends[1]);
  }
  ~PumpTest() override {
    tester_.reset();
    if (ended_.valid()) ended_.wait();
  }

  void start(PumpPolicy policy = {}) {
    policy.perform = [this](PumpedRequest& request) { return perform(request); };
    pump_.emplace(std::move(agent_end_), std::move(policy));
    ended_ = std::async(std::launch::async, [this] { return pump_->run(); });
  }

  PumpedAnswer perform(PumpedRequest& request) {
    const std::string& operation = request.envelope.operation;
    if (operation == "throw") throw std::logic_error("a mistake of ours");
    if (operation == "wait") {
      ++waits_;
      pollfd wait = {request.cancellation->fd(), POLLIN, 0};
      ::poll(&wait, 1, request.deadline.poll_timeout());
      --waits_;
      const Error error =
          request.cancellation->requested() ? Error::cancelled("wait") : Error::timeout("wait", "nothing");
      return {.result = tl::unexpected(error), .raw = ""};
    }
    return {.result = request.envelope.arguments, .raw = std::move(request.raw)};
  }

  void ask(std::uint64_t id, const std::string& operation, nlohmann::json arguments = nlohmann::json::object(),
           std::string_view raw = "", std::chrono::milliseconds limit = 20s) {
    const std::string text = to_text(
        RequestEnvelope{.id = id, .operation = operation, .time_limit = limit, .arguments = std::move(arguments)});
    const auto sent = tester_->send(text, raw, Deadline::after(20s));
    ASSERT_TRUE(sent.has_value()) << sent.error();
  }
  ReplyEnvelope reply() {
    auto frame = tester_->receive(Deadline::after(20s));
    if (!frame) return {.id = 0, .result = tl::unexpected(frame.error())};
    last_raw_ = frame->raw;
    return protocol::parse_reply(frame->json).value();
  }

  std::optional<FrameStream> tester_;
  UniqueFd agent_end_;
  std::optional<RequestPump> pump_;
  std::future<Error> ended_;
  std::atomic<int> waits_{0};
  std::string last_raw_;
};

TEST_F(PumpTest, AnswersWithTheIdAndTheBytesOfTheRequest) {
  start();
  ask(7, "echo", {{"a", 1}}, "raw");
  const ReplyEnvelope answer = reply();
  EXPECT_EQ(answer.id, 7u);
  ASSERT_TRUE(answer.result.has_value()) << answer.result.error();
  EXPECT_EQ(*answer.result, (nlohmann::json{{"a", 1}}));
  EXPECT_EQ(last_raw_, "raw");
}

TEST_F(PumpTest, AnswersWhileOthersAreUnderWay) {
  start();
  for (std::uint64_t id = 1; id <= 5; ++id) ask(id, "wait");
  ask(6, "echo");
  EXPECT_EQ(reply().id, 6u);
}

TEST_F(PumpTest, CancelEndsOneRequestAndNoOther) {
  start();
  ask(1, "wait");
  ask(2, "wait");
  ask(3, "cancel", protocol::CancelRequest{.id = 2});
  std::map<std::uint64_t, ReplyEnvelope> answers;
  for (int i = 0; i < 2; ++i) {
    ReplyEnvelope answer = reply();
    answers.emplace(answer.id, std::move(answer));
  }
  ASSERT_EQ(answers.count(2), 1u);
  ASSERT_FALSE(answers.at(2).result.has_value());
  EXPECT_EQ(answers.at(2).result.error().kind, ErrorKind::kCancelled);
  ASSERT_EQ(answers.count(3), 1u);
  EXPECT_TRUE(answers.at(3).result.has_value());
  EXPECT_EQ(answers.count(1), 0u);
}

TEST_F(PumpTest, HoldsARequestToItsTimeLimit) {
  start();
  ask(1, "wait", nlohmann::json::object(), "", 20ms);
  const ReplyEnvelope answer = reply();
  ASSERT_FALSE(answer.result.has_value());
  EXPECT_EQ(answer.result.error().kind, ErrorKind::kTimeout);
}

TEST_F(PumpTest, AThrowingOperationIsAnInternalError) {
  start();
  ask(1, "throw");
  const ReplyEnvelope answer = reply();
  ASSERT_FALSE(answer.result.has_value());
  EXPECT_EQ(answer.result.error().kind, ErrorKind::kInternal);
  EXPECT_THAT(answer.result.error().message(), HasSubstr("a mistake of ours"));
  ask(2, "echo");
  EXPECT_EQ(reply().id, 2u);
}

TEST_F(PumpTest, RefusesAnIdThatIsUnderWay) {
  start();
  ask(1, "wait");
  ask(1, "wait");
  const ReplyEnvelope answer = reply();
  ASSERT_FALSE(answer.result.has_value());
  EXPECT_EQ(answer.result.error().kind, ErrorKind::kInvalid);
}

TEST_F(PumpTest, RefusesWhatIsNoRequestAndGoesOn) {
  start();
  ASSERT_TRUE(tester_->send("[1,2", "", Deadline::never()).has_value());
  const ReplyEnvelope answer = reply();
  ASSERT_FALSE(answer.result.has_value());
  EXPECT_EQ(answer.result.error().kind, ErrorKind::kInvalid);
  ask(2, "echo");
  EXPECT_EQ(reply().id, 2u);
}

TEST_F(PumpTest, SeesTheEndWhileRequestsAreUnderWay) {
  start();
  for (std::uint64_t id = 1; id <= 5; ++id) ask(id, "wait");
  ask(6, "echo");
  reply();
  tester_.reset();
  ASSERT_EQ(ended_.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(ended_.get().kind, ErrorKind::kLost);
  EXPECT_EQ(waits_, 0) << "requests went on after the end";
}

// More requests than threads and queue hold, none of which ever finishes by itself: reading stops, the end is seen all
// the same.
TEST_F(PumpTest, SeesTheEndThroughAFlood) {
  start({.perform = {}, .threads = 3, .waiting = 4});
  for (std::uint64_t id = 1; id <= 1000; ++id) {
    const std::string text = to_text(
        RequestEnvelope{.id = id, .operation = "wait", .time_limit = 60s, .arguments = nlohmann::json::object()});
    if (!tester_->send(text, std::string(4096, 'x'), Deadline::after(50ms))) break;  // the pump reads no more
  }
  EXPECT_LE(waits_, 3);
  tester_.reset();
  ASSERT_EQ(ended_.wait_for(10s), std::future_status::ready) << "the end was not seen";
  EXPECT_EQ(waits_, 0);
}

TEST_F(PumpTest, WorksThroughAFloodInTheEnd) {
  start({.perform = {}, .threads = 3, .waiting = 4});
  constexpr std::uint64_t kRequests = 5000;
  std::thread flood([this] {
    for (std::uint64_t id = 1; id <= kRequests; ++id) ask(id, "echo");
  });
  std::map<std::uint64_t, int> seen;
  for (std::uint64_t i = 0; i < kRequests; ++i) ++seen[reply().id];
  flood.join();
  EXPECT_EQ(seen.size(), kRequests);
  EXPECT_EQ(seen.begin()->first, 1u);
  EXPECT_EQ(seen.rbegin()->first, kRequests);
}

TEST_F(PumpTest, StopEndsItAndLetsTheLastAnswerOut) {
  start();
  ask(1, "echo");
  reply();
  pump_->stop();
  ASSERT_EQ(ended_.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(ended_.get().kind, ErrorKind::kCancelled);
}

TEST_F(PumpTest, TellsOfAStreamCutInTheMiddleOfAFrame) {
  start();
  const std::string bytes = protocol::encode({"{\"id\":1}", ""}).value();
  ASSERT_EQ(::send(tester_->fd(), bytes.data(), 10, MSG_NOSIGNAL), 10);
  tester_.reset();
  ASSERT_EQ(ended_.wait_for(10s), std::future_status::ready);
  EXPECT_THAT(ended_.get().message(), HasSubstr("cut after 10 bytes of a frame"));
}

TEST_F(PumpTest, EndsOnHugeLengths) {
  start();
  const std::string bytes(8, '\x7f');
  ASSERT_EQ(::send(tester_->fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL), 8);
  ASSERT_EQ(ended_.wait_for(10s), std::future_status::ready);
  EXPECT_THAT(ended_.get().message(), HasSubstr("not our protocol"));
}

TEST_F(PumpTest, ToldOfTheEndAtOnce) {
  std::promise<void> told;
  start({.perform = {}, .on_end = [&] { told.set_value(); }});
  ask(1, "wait");
  tester_.reset();
  EXPECT_EQ(told.get_future().wait_for(10s), std::future_status::ready);
  ended_.wait();
}

}  // namespace
}  // namespace netns_lab::node
