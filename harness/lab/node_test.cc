// The tester's client against agents that misbehave, played by a thread at the other end of a socket pair.
#include "harness/lab/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <stdexcept>
#include <thread>

#include "harness/base/build_id.h"
#include "harness/protocol/envelope.h"
#include "harness/protocol/frame_stream.h"
#include "harness/protocol/json.h"

namespace netns_lab {
namespace {

using protocol::FrameStream;
using protocol::ReplyEnvelope;
using protocol::RequestEnvelope;
using testing::AllOf;
using testing::HasSubstr;
using namespace std::chrono_literals;

// One request as the agent sees it.
struct Received {
  RequestEnvelope request;
  std::string raw;
};

class NodeTest : public testing::Test {
 protected:
  ~NodeTest() override {
    node_.reset();
    if (agent_.joinable()) agent_.join();
  }

  // Answers hello, then does what `play` says, then closes the stream.
  Result<void> connect(std::function<void(FrameStream&)> play, std::string build = build_id()) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("socketpair");
    agent_ = std::thread([play = std::move(play), build, fd = ends[1]] {
      FrameStream stream{UniqueFd(fd)};
      const auto hello = receive(stream);
      if (!hello || hello->request.operation != "hello") return;
      protocol::HelloReply reply;
      reply.build = build;
      reply.node = "node-1";
      answer(stream, hello->request.id, nlohmann::json(reply));
      play(stream);
    });
    auto node = Node::connect(UniqueFd(ends[0]), Deadline::after(20s));
    if (!node) return tl::unexpected(node.error());
    node_ = std::make_unique<Node>(*std::move(node));
    return {};
  }
  static std::optional<Received> receive(FrameStream& stream) {
    auto frame = stream.receive(Deadline::after(20s));
    if (!frame) return std::nullopt;
    return Received{.request = protocol::parse_request(frame->json).value(), .raw = std::move(frame->raw)};
  }
  static void answer(FrameStream& stream, std::uint64_t id, Result<nlohmann::json> result, std::string_view raw = "") {
    static_cast<void>(
        stream.send(to_text(ReplyEnvelope{.id = id, .result = std::move(result)}), raw, Deadline::after(20s)));
  }
  Node& node() { return *node_; }

 private:
  std::unique_ptr<Node> node_;
  std::thread agent_;
};

TEST_F(NodeTest, AnAgentThatDiesIsLostAndNamed) {
  ASSERT_TRUE(connect([](FrameStream& stream) { receive(stream); }).has_value());
  const auto reply = node().snapshot();
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, ErrorKind::kLost);
  EXPECT_THAT(reply.error().message(), HasSubstr("the agent of node-1 ended while 'snapshot' was under way"));
  const auto later = node().apply({});
  ASSERT_FALSE(later.has_value());
  EXPECT_EQ(later.error().kind, ErrorKind::kLost);
}

TEST_F(NodeTest, AnAgentCutInTheMiddleOfAFrameIsLost) {
  ASSERT_TRUE(connect([](FrameStream& stream) {
                receive(stream);
                ASSERT_EQ(::send(stream.fd(), "\0\0\0\x09\0\0\0\0{", 9, MSG_NOSIGNAL), 9);
              }).has_value());
  const auto reply = node().snapshot();
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, ErrorKind::kLost);
  EXPECT_THAT(reply.error().message(), HasSubstr("cut after 9 bytes"));
}

TEST_F(NodeTest, AnAgentThatTalksGibberishIsLost) {
  ASSERT_TRUE(connect([](FrameStream& stream) {
                receive(stream);
                ASSERT_EQ(::send(stream.fd(), "HTTP/1.1 200 OK", 15, MSG_NOSIGNAL), 15);
                receive(stream);
              }).has_value());
  const auto reply = node().snapshot();
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, ErrorKind::kLost);
  EXPECT_THAT(reply.error().message(), HasSubstr("not our protocol"));
}

TEST_F(NodeTest, ATimeOutNamesOperationAndNodeAndCancels) {
  std::uint64_t waited = 0, cancelled = 0;
  {
    ASSERT_TRUE(connect([&](FrameStream& stream) {
                  const auto request = receive(stream);
                  const auto cancel = receive(stream);
                  if (!request || !cancel) return;
                  waited = request->request.id;
                  EXPECT_EQ(cancel->request.operation, "cancel");
                  cancelled = json_to<protocol::CancelRequest>(cancel->request.arguments).value().id;
                  // Late answers are of nobody's interest any more; the next request gets its own.
                  answer(stream, waited, tl::unexpected(Error::cancelled("await")));
                  answer(stream, cancel->request.id, nlohmann::json::object());
                  const auto next = receive(stream);
                  if (next) answer(stream, next->request.id, nlohmann::json::object());
                }).has_value());
    const auto reply = node().await({}, 1ms);
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(reply.error().kind, ErrorKind::kTimeout);
    EXPECT_THAT(reply.error().message(), AllOf(HasSubstr("'await'"), HasSubstr("node-1")));
    const auto next = node().apply({});
    EXPECT_TRUE(next.has_value()) << next.error();
  }
  EXPECT_NE(waited, 0u);
  EXPECT_EQ(cancelled, waited);
}

TEST_F(NodeTest, AnotherBuildIsRefusedWithWhatToDo) {
  const auto connected = connect([](FrameStream&) {}, "0123456789abcdef");
  ASSERT_FALSE(connected.has_value());
  EXPECT_EQ(connected.error().kind, ErrorKind::kTaken);
  EXPECT_THAT(connected.error().message(), AllOf(HasSubstr("another build"), HasSubstr("netns-lab destroy")));
}

TEST_F(NodeTest, AnErrorOfTheNodeArrivesWhole) {
  Error error = Error::system("add route 10.0.0.0/8", EEXIST, "says the kernel");
  error.remedy = "remove it";
  ASSERT_TRUE(connect([error](FrameStream& stream) {
                const auto request = receive(stream);
                if (request) answer(stream, request->request.id, tl::unexpected(error));
              }).has_value());
  const auto reply = node().apply({});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error(), error);
}

TEST_F(NodeTest, AnAnswerThatDoesNotFitIsInternal) {
  ASSERT_TRUE(connect([](FrameStream& stream) {
                const auto request = receive(stream);
                if (request) answer(stream, request->request.id, nlohmann::json{{"namespaces", 7}});
              }).has_value());
  const auto reply = node().snapshot();
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, ErrorKind::kInternal);
  EXPECT_THAT(reply.error().message(), HasSubstr("namespaces"));
}

TEST_F(NodeTest, EveryRequestCarriesATimeLimit) {
  std::chrono::milliseconds limit{0};
  ASSERT_TRUE(connect([&](FrameStream& stream) {
                const auto request = receive(stream);
                if (!request) return;
                limit = request->request.time_limit;
                answer(stream, request->request.id, nlohmann::json(protocol::AwaitReply{}));
              }).has_value());
  ASSERT_TRUE(node().await({}, 4711ms).has_value());
  EXPECT_EQ(limit, 4711ms);
}

TEST_F(NodeTest, RunSendsItsInputRawAndReadsToTheEnd) {
  const std::string input("\0\xff", 2);
  std::string got_input;
  std::vector<std::string> operations;
  ASSERT_TRUE(connect([&](FrameStream& stream) {
                const auto run = receive(stream);
                if (!run) return;
                got_input = run->raw;
                answer(stream, run->request.id, nlohmann::json(protocol::HandleReply{.handle = 9}));
                for (const bool last : {false, true}) {
                  const auto read = receive(stream);
                  if (!read) return;
                  operations.push_back(read->request.operation);
                  protocol::ReadReply reply;
                  reply.output_bytes = 3;
                  reply.error_bytes = 2;
                  reply.end = last;
                  if (last) reply.command.emplace();
                  answer(stream, read->request.id, nlohmann::json(reply), last ? "defEE" : "abcee");
                }
                const auto close = receive(stream);
                if (!close) return;
                operations.push_back(close->request.operation);
                answer(stream, close->request.id, nlohmann::json::object());
              }).has_value());
  protocol::RunRequest request;
  request.argv = {"cat"};
  request.standard_input = input;
  const auto result = node().run(request);
  ASSERT_TRUE(result.has_value()) << result.error();
  EXPECT_EQ(got_input, input);
  EXPECT_EQ(result->output, "abcdef");
  EXPECT_EQ(result->errors, "eeEE");
  EXPECT_TRUE(result->succeeded());
  EXPECT_EQ(operations, (std::vector<std::string>{"read", "read", "close"}));
}

TEST_F(NodeTest, AnArgumentThatIsNotUtf8IsRefusedHere) {
  ASSERT_TRUE(connect([](FrameStream& stream) { receive(stream); }).has_value());
  protocol::RunRequest request;
  request.argv = {"echo", "\xff"};
  const auto handle = node().start(request);
  ASSERT_FALSE(handle.has_value());
  EXPECT_EQ(handle.error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace netns_lab
