// The agent with operations of its own making, over socket pairs and listeners: sessions, hello, shutdown, what happens
// when a side dies.
#include "harness/node/agent_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <future>
#include <stdexcept>

#include "harness/node/agent_fixture.h"
#include "harness/node/operations.h"
#include "harness/node/session.h"

namespace netns_lab::node {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

std::atomic<int> waits{0};

// `await` stands for anything that takes long here.
Result<protocol::AwaitReply> wait_for_cancel(OperationContext& context, const protocol::AwaitRequest& /*request*/) {
  ++waits;
  pollfd wait = {context.cancellation.fd(), POLLIN, 0};
  ::poll(&wait, 1, context.deadline.poll_timeout());
  --waits;
  return tl::unexpected(Error::cancelled("wait"));
}

Result<protocol::Empty> claim_anything(OperationContext& context, const protocol::ClaimRequest& request) {
  Session& session = context.session;
  NETNS_LAB_TRY(session.agent().claims.claim(
      session.number(), request, [](const protocol::ClaimRequest&) -> Result<void> { return {}; }, context.deadline,
      context.cancellation));
  return protocol::Empty();
}

OperationTable small_table() {
  OperationTable table;
  table.add(&hello, Pace::kQuick);
  table.add(&shut_down, Pace::kQuick);
  table.add(&wait_for_cancel);
  table.add(&claim_anything);
  return table;
}

AgentContext context_of_tests() {
  AgentContext context;
  context.provider = "sandbox";
  context.node = "node-1";
  return context;
}

class AgentServerTest : public testing::Test {
 protected:
  AgentServerTest() : agent_(context_of_tests(), small_table()) {
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    socklen_t size = sizeof(sa_family_t);
    address_.sun_family = AF_UNIX;  // an abstract name that the kernel chooses (unix(7), autobind)
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address_), size);
    size = sizeof address_;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address_), &size);
    address_size_ = size;
    ::listen(listener_.get(), 16);
    served_ = std::async(std::launch::async, [this] { serve_sessions(agent_, std::move(listener_)); });
  }
  ~AgentServerTest() override {
    agent_.stop.request();
    served_.wait();
  }
  UniqueFd connect() {
    UniqueFd stream(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(stream.get(), reinterpret_cast<const sockaddr*>(&address_), address_size_) != 0) {
      throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
    }
    return stream;
  }
  Tester tester() {
    Tester one(connect());
    if (!one.ask(protocol::HelloRequest{.build = build_id()})) throw std::runtime_error("hello");
    return one;
  }

  AgentState agent_;
  UniqueFd listener_;
  sockaddr_un address_ = {};
  socklen_t address_size_ = 0;
  std::future<void> served_;
};

TEST_F(AgentServerTest, HelloTellsWhoItIs) {
  Tester one(connect());
  const auto answer = one.ask(protocol::HelloRequest{.build = build_id()});
  ASSERT_TRUE(answer.has_value()) << answer.error();
  EXPECT_EQ(answer->build, build_id());
  EXPECT_EQ(answer->node, "node-1");
  EXPECT_FALSE(answer->kernel.empty());
}

TEST_F(AgentServerTest, NothingButHelloAndShutdownBeforeAnEqualHello) {
  for (const std::string& build : {std::string(), std::string("another")}) {
    Tester one(connect());
    if (!build.empty()) {
      ASSERT_TRUE(one.ask(protocol::HelloRequest{.build = build}).has_value());
    }
    const auto answer = one.ask(protocol::ClaimRequest());
    ASSERT_FALSE(answer.has_value());
    EXPECT_THAT(answer.error().message(), HasSubstr("same build"));
  }
  Tester other(connect());
  ASSERT_TRUE(other.ask(protocol::HelloRequest{.build = "another"}).has_value());
  EXPECT_TRUE(other.ask(protocol::ShutdownRequest()).has_value());
  EXPECT_EQ(served_.wait_for(10s), std::future_status::ready);
}

TEST_F(AgentServerTest, AnUnknownOperationIsRefusedByName) {
  Tester one = tester();
  const auto answer = one.ask("frobnicate", nlohmann::json::object());
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(answer.error().message(), HasSubstr("frobnicate"));
  EXPECT_THAT(answer.error().message(), HasSubstr("claim"));
}

TEST_F(AgentServerTest, BadArgumentsAreRefused) {
  Tester one = tester();
  const auto answer = one.ask(protocol::ClaimRequest::kOperation, {{"namespaces", 3}});
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(answer.error().message(), HasSubstr("namespaces"));
}

TEST_F(AgentServerTest, ServesSessionsAtOnceAndKeepsTheirClaimsApart) {
  Tester first = tester();
  Tester second = tester();
  const protocol::ClaimRequest names = {.namespaces = {"netns1"}, .links = {}, .addresses = {}, .keep = false};
  ASSERT_TRUE(first.ask(names).has_value());
  const auto answer = second.ask(names);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, ErrorKind::kTaken);
}

// Run after run against a lab that stays: the second must not meet the first's names because the agent is still tidying
// up.
TEST_F(AgentServerTest, ClaimsOfASessionThatHasJustEndedAreFree) {
  const protocol::ClaimRequest names = {.namespaces = {"netns1"}, .links = {}, .addresses = {}, .keep = false};
  for (int run = 0; run < 50; ++run) {
    Tester one = tester();
    const auto answer = one.ask(names);
    ASSERT_TRUE(answer.has_value()) << "run " << run << ": " << answer.error();
  }
}

TEST_F(AgentServerTest, ShutdownAnswersEndsEverySessionAndStopsListening) {
  Tester waiting = tester();
  waiting.send(protocol::AwaitRequest::kOperation, protocol::AwaitRequest());
  Tester one = tester();
  EXPECT_TRUE(one.ask(protocol::ShutdownRequest()).has_value());
  ASSERT_EQ(served_.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(waits, 0);
  EXPECT_THROW(connect(), std::runtime_error);
}

TEST_F(AgentServerTest, ATesterThatDiesEndsItsRequests) {
  {
    Tester one = tester();
    one.send(protocol::AwaitRequest::kOperation, protocol::AwaitRequest());
    one.send(protocol::HelloRequest::kOperation, protocol::HelloRequest{.build = build_id()});
    ASSERT_TRUE(one.receive().has_value()) << "the agent must answer while it waits";
  }
  Tester other = tester();
  EXPECT_TRUE(other.ask(protocol::ShutdownRequest()).has_value());
  ASSERT_EQ(served_.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(waits, 0);
}

}  // namespace
}  // namespace netns_lab::node
