#include "harness/protocol/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab::protocol {
namespace {

using testing::HasSubstr;

// Every field differs from its default, so that one that was forgotten in json.cc shows.
template <typename T>
void expect_round_trip(const T& value) {
  const nlohmann::json json = value;
  const auto back = json_to<T>(*parse_json(dump_json(json)));
  ASSERT_TRUE(back.has_value()) << back.error() << " in " << dump_json(json);
  EXPECT_EQ(*back, value) << dump_json(json);
  EXPECT_NE(T(), value) << "a row that proves nothing";
}

CommandEnd ended(CommandEnd::How how, int code, std::chrono::microseconds duration = {}) {
  CommandEnd end;
  end.how = how;
  end.code = code;
  end.duration = duration;
  return end;
}
Prefix prefix(const char* text) { return Prefix::parse(text).value(); }

TEST(MessagesAsJson, HelloSurvives) {
  expect_round_trip(HelloRequest{.build = "abc"});
  expect_round_trip(HelloReply{.build = "b",
                               .provider = "sandbox",
                               .node = "node-1",
                               .host_name = "h",
                               .kernel = "6.1",
                               .uplink = "eth0",
                               .uplink_addresses = {prefix("192.0.2.2/24")},
                               .outside_addresses = {IpAddress::v4(192, 0, 2, 1)},
                               .lost = {"no /proc"},
                               .descriptors = 1024});
}
TEST(MessagesAsJson, ClaimSurvives) {
  expect_round_trip(ClaimRequest{.namespaces = {"netns1"},
                                 .links = {"veth1"},
                                 .addresses = {prefix("10.200.1.1/32")},
                                 .keep = true,
                                 .nft_tables = {"ip nat"}});
}
TEST(MessagesAsJson, ApplySurvives) { expect_round_trip(ApplyRequest{.changes = {CreateNamespace{.name = "netns1"}}}); }
TEST(MessagesAsJson, SnapshotSurvives) {
  expect_round_trip(SnapshotRequest{.options = {.sysctls = {"net.ipv4.ip_forward"}}, .first = true});
}
TEST(MessagesAsJson, AwaitSurvives) {
  expect_round_trip(
      AwaitRequest{.links = {{.network_namespace = "netns1", .link = "veth2", .present = false, .operational = false}},
                   .absent_namespaces = {"netns2"}});
}
TEST(MessagesAsJson, LookupSurvives) {
  expect_round_trip(LookupRequest{.queries = {{.network_namespace = "netns1",
                                               .destination = IpAddress::v4(10, 0, 0, 1),
                                               .source = {},
                                               .input_link = "",
                                               .mark = 3}}});
  RouteAnswer answer;
  answer.output_link = "veth1";
  expect_round_trip(LookupReply{.answers = {answer}});
}
TEST(MessagesAsJson, ProbeSurvives) {
  EchoSpec echo;
  echo.count = 7;
  ExchangeSpec exchange;
  exchange.port = 9000;
  expect_round_trip(ProbeRequest{.echoes = {echo}, .exchanges = {exchange}, .lanes = 2, .last = true});
  EchoReport echo_report;
  echo_report.identifier = 4711;
  ExchangeReport exchange_report;
  exchange_report.sent = 3;
  expect_round_trip(ProbeReply{.echoes = {echo_report}, .exchanges = {exchange_report}});
}
TEST(MessagesAsJson, ServeAndCaptureSurvive) {
  ServeSpec spec;
  spec.port = 7;
  expect_round_trip(ServeRequest{.spec = spec});
  expect_round_trip(ServeReply{.handle = 1, .port = 7});
  expect_round_trip(HandleReply{.handle = 18'446'744'073'709'551'615U});
  expect_round_trip(CaptureRequest{.network_namespace = "netns1", .link = "veth2"});
}
TEST(MessagesAsJson, MeshSurvives) {
  expect_round_trip(MeshRequest{.spec = {.members = {{"netns1", "veth11", IpAddress::v4(10, 0, 0, 1)}}}});
}
TEST(MessagesAsJson, WatchSurvives) {
  expect_round_trip(WatchReply{.handle = 3, .queue_bytes = 425'984});
  expect_round_trip(WatchRequest{.namespaces = {"", "netns1"}, .port = 7});
  const FarProbe probe{.identifier = 4711, .payload_seed = 18'446'744'073'709'551'615U, .payload_size = 56, .count = 3};
  expect_round_trip(probe);
  expect_round_trip(SightingsRequest{.handle = 2, .probes = {probe}});
  Sighting sighting;
  sighting.link = "veth11";
  expect_round_trip(SightingsReply{.sightings = {sighting}, .drops = 1});
}
TEST(MessagesAsJson, TraceSurvives) {
  expect_round_trip(
      TraceRequest{.namespaces = {"", "netns1"}, .addresses = {IpAddress::v4(10, 0, 0, 1)}, .length = 84});
  expect_round_trip(VerdictsRequest{.handle = 2});
  expect_round_trip(VerdictsReply{.verdicts = {{.network_namespace = "netns1",
                                                .table = "inet extra",
                                                .chain = "in",
                                                .rule = 5,
                                                .position = 2,
                                                .verdict = "drops"}},
                                  .incomplete = {"netns1"},
                                  .drops = {{.link = "veth2", .reason = "IP_RPFILTER", .times = 3}}});
}
TEST(MessagesAsJson, RunSurvives) {
  expect_round_trip(RunRequest{.argv = {"bash", "-c", "true"},
                               .environment = {{"CON", "netns1"}},
                               .working_directory = "/tmp",
                               .network_namespace = "netns1",
                               .standard_input = "text",
                               .keep_input_open = true,
                               .terminal = true,
                               .rows = 10,
                               .columns = 20,
                               .time_limit = std::chrono::milliseconds(5),
                               .output_limit = 7});
}
TEST(MessagesAsJson, ReadWriteCloseSurvive) {
  for (const auto how : {CommandEnd::How::kSignalled, CommandEnd::How::kTimedOut, CommandEnd::How::kNotStarted}) {
    expect_round_trip(CommandEnd{.how = how,
                                 .code = 9,
                                 .reason = "r",
                                 .dropped = 3,
                                 .descendants_left = true,
                                 .duration = std::chrono::microseconds(17),
                                 .descendants = {"sleep 600"}});
  }
  expect_round_trip(ReadReply{
      .output_bytes = 1, .error_bytes = 2, .end = true, .command = ended(CommandEnd::How::kExited, 1), .drops = 5});
  expect_round_trip(ReadRequest{.handle = 1, .maximum = 2, .wait = std::chrono::milliseconds(3)});
  expect_round_trip(WriteRequest{.handle = 1, .end = true, .rows = 2, .columns = 3, .signal = 15});
  expect_round_trip(CloseRequest{.handle = 1});
  expect_round_trip(PutRequest{.path = "/tmp/x", .mode = 0755});
  expect_round_trip(CancelRequest{.id = 3});
}

TEST(MessagesAsJson, AMissingFieldIsNamed) {
  const auto request = json_to<ReadRequest>({{"handle", 1}, {"wait", 0}});
  ASSERT_FALSE(request.has_value());
  EXPECT_EQ(request.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(request.error().message(), HasSubstr("maximum"));
}

TEST(CommandEndText, SaysHowItEnded) {
  EXPECT_EQ(to_string(ended(CommandEnd::How::kExited, 2)), "exited with status 2");
  EXPECT_EQ(to_string(ended(CommandEnd::How::kSignalled, 9)), "was killed by SIGKILL");
  EXPECT_THAT(to_string(ended(CommandEnd::How::kTimedOut, 15, std::chrono::seconds(10))),
              HasSubstr("at its deadline, after 10 s"));
}

}  // namespace
}  // namespace netns_lab::protocol
