// The whole agent, in this process, on a network namespace of the test's own.
#include "harness/node/agent.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

#include "harness/node/agent_fixture.h"
#include "harness/node/network_fixture.h"
#include "harness/node/network_state.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {
namespace {

using protocol::ApplyRequest;
using protocol::ClaimRequest;
using protocol::RunRequest;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

bool has_link(const char* name) { return ::if_nametoindex(name) != 0; }
bool has_namespace(const std::string& name) { return ::access(("/run/netns/" + name).c_str(), F_OK) == 0; }

class AgentTest : public NetworkFixture {
 protected:
  AgentTest() {
    auto [near, far] = stream_pair();
    tester_.emplace(std::move(near));
    AgentContext context;
    context.provider = "sandbox";
    context.node = "node-1";
    // The agent's thread is made after the fixture moved this one: it inherits the test's network namespace.
    agent_ = std::thread(
        [context, stream = std::make_shared<UniqueFd>(std::move(far))] { serve_stream(context, std::move(*stream)); });
    const auto hello = tester().ask(protocol::HelloRequest{.build = build_id()});
    if (!hello) throw std::runtime_error(hello.error().message());
  }
  ~AgentTest() override { end_session(); }

  Tester& tester() { return *tester_; }
  void end_session() {
    tester_.reset();
    if (agent_.joinable()) agent_.join();
  }
  protocol::Handle start(std::vector<std::string> argv, std::string_view input = "") {
    RunRequest request;
    request.argv = std::move(argv);
    request.working_directory = "/";
    return tester().ask(request, input).value().handle;
  }
  struct Output {
    std::string bytes;
    protocol::ReadReply last;
  };
  Output read_to_end(protocol::Handle handle) {
    Output output;
    while (!output.last.end) {
      auto reply = tester().ask(protocol::ReadRequest{.handle = handle, .maximum = 1 << 16, .wait = 5s});
      if (!reply) throw std::runtime_error(reply.error().message());
      output.last = *std::move(reply);
      output.bytes += tester().raw();
    }
    return output;
  }

 private:
  std::optional<Tester> tester_;
  std::thread agent_;
};

TEST_F(AgentTest, BuildsLooksAndProbes) {
  ASSERT_TRUE(tester().ask(ApplyRequest{.changes = single_namespace()}).has_value());
  const protocol::AwaitRequest up = {
      .links = {{.network_namespace = "", .link = "veth1"}, {.network_namespace = "netns1", .link = "veth2"}},
      .absent_namespaces = {}};
  const auto awaited = tester().ask(up);
  ASSERT_TRUE(awaited.has_value()) << awaited.error();

  protocol::SnapshotRequest with_pristine;
  with_pristine.options.pristine = true;
  const auto snapshot = tester().ask(with_pristine);
  ASSERT_TRUE(snapshot.has_value()) << snapshot.error();
  ASSERT_NE(snapshot->find_namespace("netns1"), nullptr);
  EXPECT_NE(snapshot->find_namespace("netns1")->find_link("veth2"), nullptr);
  EXPECT_NE(snapshot->find_namespace("")->find_link("veth1"), nullptr);
  ASSERT_NE(snapshot->find_entry("netns1"), nullptr);
  EXPECT_TRUE(snapshot->find_entry("netns1")->is_network);
  EXPECT_TRUE(snapshot->pristine.has_value());

  const auto found = tester().ask(protocol::LookupRequest{.queries = {query("", "10.200.1.1")}});
  ASSERT_TRUE(found.has_value()) << found.error();
  ASSERT_EQ(found->answers.size(), 1u);
  EXPECT_EQ(found->answers.front().output_link, "veth1");
}

TEST_F(AgentTest, ProbesAndProvesItAtTheReceiver) {
  std::vector<Change> changes = single_namespace();
  changes.push_back(raised("", "lo"));
  changes.push_back(address_on("", "uplink0", "192.0.2.2/24"));
  changes.push_back(raised("", "uplink0"));
  ASSERT_TRUE(tester().ask(ApplyRequest{.changes = changes}).has_value());
  protocol::AwaitRequest up;
  up.links = {{.network_namespace = "netns1", .link = "veth2"}};
  ASSERT_TRUE(tester().ask(up).has_value());
  EchoSpec spec;
  spec.destination = IpAddress::v4(10, 200, 1, 1);
  spec.watch = {"netns1"};
  protocol::ProbeRequest request;
  request.echoes = {spec};
  const auto reply = tester().ask(request);
  ASSERT_TRUE(reply.has_value()) << reply.error();
  ASSERT_EQ(reply->echoes.size(), 1u);
  EXPECT_EQ(reply->echoes.front().answered(), spec.count) << reply->echoes.front();
  EXPECT_EQ(reply->echoes.front().seen("netns1", "veth2", SightingKind::kRequest).size(), spec.count);
  // The capture must not keep the namespace: its veth goes when its name does.
  ASSERT_TRUE(tester().ask(ApplyRequest{.changes = {DeleteNamespace{"netns1"}}}).has_value());
  protocol::AwaitRequest gone;
  gone.links = {{.network_namespace = "", .link = "veth1", .present = false}};
  const auto awaited = tester().ask(gone);
  EXPECT_TRUE(awaited.has_value()) << awaited.error();
}

TEST_F(AgentTest, ServesAndExchanges) {
  std::vector<Change> changes = single_namespace();
  changes.push_back(address_on("", "uplink0", "192.0.2.2/24"));
  changes.push_back(raised("", "uplink0"));
  ASSERT_TRUE(tester().ask(ApplyRequest{.changes = changes}).has_value());
  // Until both ends are up what is sent waits a second for a neighbour, as long as the exchange waits for its answer.
  protocol::AwaitRequest up;
  up.links = {{"", "veth1", true, true}, {"netns1", "veth2", true, true}};
  ASSERT_TRUE(tester().ask(up).has_value());
  protocol::ServeRequest serve;
  serve.spec.network_namespace = "netns1";
  serve.spec.address = IpAddress::v4(10, 200, 1, 1);
  const auto server = tester().ask(serve);
  ASSERT_TRUE(server.has_value()) << server.error();
  EXPECT_NE(server->port, 0);
  protocol::ProbeRequest request;
  ExchangeSpec spec;
  spec.destination = serve.spec.address;
  spec.port = server->port;
  request.exchanges = {spec};
  const auto reply = tester().ask(request);
  ASSERT_TRUE(reply.has_value()) << reply.error();
  ASSERT_EQ(reply->exchanges.size(), 1u);
  EXPECT_EQ(reply->exchanges.front().answered, spec.count) << reply->exchanges.front();
  EXPECT_TRUE(tester().ask(protocol::CloseRequest{.handle = server->handle}).has_value());
  EXPECT_FALSE(tester().ask(protocol::CloseRequest{.handle = server->handle}).has_value()) << "closed twice";
}

TEST_F(AgentTest, CapturesAsPcap) {
  ASSERT_TRUE(tester().ask(ApplyRequest{.changes = single_namespace()}).has_value());
  const auto capture = tester().ask(protocol::CaptureRequest{.network_namespace = "netns1", .link = ""});
  ASSERT_TRUE(capture.has_value()) << capture.error();
  const auto reply = tester().ask(protocol::ReadRequest{.handle = capture->handle, .maximum = 4096, .wait = 5s});
  ASSERT_TRUE(reply.has_value()) << reply.error();
  ASSERT_GE(tester().raw().size(), 24u);
  EXPECT_EQ(tester().raw().substr(0, 4), std::string("\x4d\x3c\xb2\xa1", 4)) << "nanosecond pcap, little-endian";
}

TEST_F(AgentTest, RunsACommandWithItsInput) {
  const protocol::Handle handle = start({"cat"}, std::string("a\0\xff", 3));
  const Output output = read_to_end(handle);
  EXPECT_EQ(output.bytes, std::string("a\0\xff", 3));
  ASSERT_TRUE(output.last.command.has_value());
  EXPECT_EQ(to_string(*output.last.command), "exited with status 0");
}

TEST_F(AgentTest, ReadsOfOneCommandDoNotHoldUpAnother) {
  const protocol::Handle sleeping = start({"sleep", "100"});
  tester().send(protocol::ReadRequest::kOperation,
                protocol::ReadRequest{.handle = sleeping, .maximum = 1, .wait = 20s});
  const protocol::Handle quick = start({"echo", "hello"});
  EXPECT_EQ(read_to_end(quick).bytes, "hello\n");
}

TEST_F(AgentTest, TheEndOfTheSessionStopsItsCommands) {
  const protocol::Handle handle = start({"sh", "-c", "echo $$; exec sleep 1000"});
  const auto reply = tester().ask(protocol::ReadRequest{.handle = handle, .maximum = 100, .wait = 10s});
  ASSERT_TRUE(reply.has_value()) << reply.error();
  const pid_t pid = std::stoi(tester().raw());
  ASSERT_EQ(::kill(pid, 0), 0);
  end_session();
  EXPECT_NE(::kill(pid, 0), 0) << "process " << pid << " outlived the session";
}

TEST_F(AgentTest, TheEndOfTheSessionTakesWhatItMade) {
  std::vector<Change> changes = single_namespace();
  changes.push_back(CreateLink{"", "br7", "bridge"});
  changes.push_back(address_on("", "uplink0", "192.0.2.9/24"));
  changes.push_back(raised("", "uplink0"));
  changes.push_back(AddRoute{"", direct_route("198.51.100.0/24", "uplink0")});
  changes.push_back(SetSysctl{"", "net.ipv4.ip_forward", "1"});
  const auto here = NetworkNamespace::current().value();
  ASSERT_TRUE(write_sysctl(here, "net.ipv4.ip_forward", "0").has_value());
  ASSERT_TRUE(tester().ask(ApplyRequest{.changes = changes}).has_value());
  ASSERT_TRUE(has_link("veth1") && has_link("br7") && has_namespace("netns1"));
  ASSERT_EQ(read_sysctl(here, "net.ipv4.ip_forward").value(), "1");
  end_session();
  EXPECT_FALSE(has_namespace("netns1"));
  EXPECT_FALSE(has_link("veth1"));
  EXPECT_FALSE(has_link("br7"));
  EXPECT_EQ(read_sysctl(here, "net.ipv4.ip_forward").value(), "0");
  const auto after = read_network_state(handles(), "", {}).value();
  for (const InterfaceAddress& address : after.addresses_of("uplink0")) {
    EXPECT_NE(address.prefix, Prefix::parse("192.0.2.9/24").value()) << "the address is still there";
  }
  for (const Route& route : after.routes) {
    EXPECT_NE(route.destination, Prefix::parse("198.51.100.0/24").value()) << "the route is still there";
  }
}

TEST_F(AgentTest, TheEndOfTheSessionLeavesWhatWasThereBefore) {
  ASSERT_TRUE(apply_changes(handles(), single_namespace()).has_value());
  ASSERT_TRUE(apply_changes(handles(), {address_on("", "uplink0", "192.0.2.9/24")}).has_value());
  EXPECT_FALSE(tester().ask(ApplyRequest{.changes = single_namespace()}).has_value()) << "EEXIST";
  EXPECT_FALSE(tester().ask(ApplyRequest{.changes = {address_on("", "uplink0", "192.0.2.9/24")}}).has_value());
  EXPECT_FALSE(tester().ask(ApplyRequest{.changes = {pair_of("veth1", "netns1", "other")}}).has_value());
  end_session();
  EXPECT_TRUE(has_namespace("netns1"));
  EXPECT_TRUE(has_link("veth1"));
  EXPECT_EQ(read_network_state(handles(), "", {}).value().addresses_of("uplink0").size(), 1u);
}

TEST_F(AgentTest, WhatWasClaimedGoesWhoeverMadeIt) {
  ASSERT_TRUE(tester()
                  .ask(ClaimRequest{.namespaces = {"netns1"}, .links = {"veth1"}, .addresses = {}, .keep = false})
                  .has_value());
  ASSERT_TRUE(apply_changes(handles(), single_namespace()).has_value());  // as a script would
  end_session();
  EXPECT_FALSE(has_namespace("netns1"));
  EXPECT_FALSE(has_link("veth1"));
}

TEST_F(AgentTest, WhatWasClaimedForKeepsStays) {
  ASSERT_TRUE(tester()
                  .ask(ClaimRequest{.namespaces = {"netns1"}, .links = {"veth1"}, .addresses = {}, .keep = true})
                  .has_value());
  ASSERT_TRUE(tester().ask(ApplyRequest{.changes = single_namespace()}).has_value());
  end_session();
  EXPECT_TRUE(has_namespace("netns1"));
  EXPECT_TRUE(has_link("veth1"));
}

TEST_F(AgentTest, ANameInUseIsTaken) {
  ASSERT_TRUE(apply_changes(handles(), single_namespace()).has_value());
  const auto claimed =
      tester().ask(ClaimRequest{.namespaces = {"netns1"}, .links = {}, .addresses = {}, .keep = false});
  ASSERT_FALSE(claimed.has_value());
  EXPECT_EQ(claimed.error().kind, ErrorKind::kTaken);
  EXPECT_THAT(claimed.error().message(), HasSubstr("netns1"));
  end_session();
  EXPECT_TRUE(has_namespace("netns1")) << "it was never the session's";
}

TEST_F(AgentTest, PutsFilesAndTakesThemBack) {
  const std::string path = "/run/some/new/setup.sh";
  ASSERT_TRUE(tester().ask(protocol::PutRequest{.path = path, .mode = 0755}, std::string("x\0y", 3)).has_value());
  std::ifstream file(path, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), std::string("x\0y", 3));
  struct stat status = {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
  end_session();
  EXPECT_NE(::access("/run/some", F_OK), 0);
}

class PutPath : public AgentTest, public testing::WithParamInterface<std::pair<const char*, const char*>> {};
TEST_P(PutPath, IsRefused) {
  const auto put = tester().ask(protocol::PutRequest{.path = GetParam().second, .mode = 0644}, "x");
  ASSERT_FALSE(put.has_value());
  EXPECT_EQ(put.error().kind, ErrorKind::kInvalid);
}
INSTANTIATE_TEST_SUITE_P(Paths, PutPath,
                         testing::Values(std::pair{"Relative", "setup.sh"}, std::pair{"Elsewhere", "/usr/bin/ip"},
                                         std::pair{"UpAndOut", "/tmp/../usr/x"}, std::pair{"AFolder", "/tmp/"},
                                         std::pair{"Empty", ""}, std::pair{"DoubleSlash", "/tmp//x"}),
                         [](const auto& row) { return std::string(row.param.first); });

TEST_F(AgentTest, ABriefSnapshotTakesTheAskedNamesAtTheirWord) {
  ASSERT_TRUE(tester().ask(ApplyRequest{.changes = {CreateNamespace{"netns1"}, CreateNamespace{"netns2"}}}));
  protocol::SnapshotRequest request;
  request.options.files = false;
  request.options.processes = false;
  request.options.only = {"netns2", "", "no-such"};
  const Snapshot whole = tester().ask(request).value();
  EXPECT_EQ(whole.entries.size(), 2U);
  request.options.entries = false;
  const Snapshot brief = tester().ask(request).value();
  EXPECT_TRUE(brief.entries.empty());
  EXPECT_EQ(brief.namespaces, whole.namespaces);
  ASSERT_EQ(brief.namespaces.size(), 2U);
  EXPECT_EQ(brief.namespaces[1].name, "netns2");
}

TEST_F(AgentTest, SnapshotLeavesOurOwnProcessesOut) {
  const auto snapshot = tester().ask(protocol::SnapshotRequest()).value();
  for (const ProcessState& process : snapshot.processes) EXPECT_NE(process.pid, ::getpid()) << process.command;
}

}  // namespace
}  // namespace netns_lab::node
