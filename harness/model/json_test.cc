#include "harness/model/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/model/json_support.h"
#include "harness/model/samples.h"

namespace netns_lab {
namespace {

using ::testing::HasSubstr;

// Through text, as it travels.
template <typename T>
Result<T> through_text(const T& value) {
  NETNS_LAB_ASSIGN(const nlohmann::json json, parse_json(dump_json(json_support::encode(value))));
  return json_to<T>(json);
}

template <typename T>
void expect_round_trip(const T& value) {
  const Result<T> back = through_text(value);
  ASSERT_TRUE(back) << back.error() << " in " << dump_json(json_support::encode(value));
  EXPECT_EQ(*back, value);
}

TEST(ModelJson, RoundTripKeepsEveryFieldOfASnapshot) { expect_round_trip(samples::snapshot()); }
TEST(ModelJson, RoundTripKeepsEveryChange) {
  EXPECT_EQ(samples::changes().size(), std::variant_size_v<Change>);
  for (const Change& change : samples::changes()) expect_round_trip(change);
}
TEST(ModelJson, RoundTripKeepsProbeReports) {
  expect_round_trip(samples::echo_report());
  expect_round_trip(samples::exchange_report());
  expect_round_trip(ServeSpec{.network_namespace = "a", .transport = Transport::kTcp, .address = {}, .port = 65535});
}
TEST(ModelJson, RoundTripKeepsEveryEventOfARun) {
  EXPECT_EQ(samples::run().size(), std::variant_size_v<RunEvent>);
  for (const RunEvent& event : samples::run()) expect_round_trip(event);
}
TEST(ModelJson, RoundTripKeepsLookupsOptionsErrorsAndTopologies) {
  expect_round_trip(RouteQuery{.network_namespace = "a",
                               .destination = IpAddress::v4(1, 2, 3, 4),
                               .source = IpAddress(),
                               .input_link = "b",
                               .mark = 7});
  expect_round_trip(RouteAnswer{.system_errno = 101,
                                .kernel_text = "x",
                                .type = RouteType::kProhibit,
                                .output_link = "y",
                                .output_link_index = 3,
                                .gateway = IpAddress(),
                                .preferred_source = IpAddress(),
                                .table = 254,
                                .mtu = 1280});
  expect_round_trip(SnapshotOptions{.all_sysctls = true,
                                    .sysctls = {"net.ipv4.ip_forward"},
                                    .pristine = true,
                                    .processes = false,
                                    .files = false,
                                    .counters = true,
                                    .only = std::vector<std::string>{"", "netns1"}});
  expect_round_trip(MeshSpec{.members = {{"netns1", "veth11", IpAddress::v4(10, 0, 0, 1)}},
                             .window = 8,
                             .first_round = 3,
                             .at_most = std::chrono::milliseconds(2000),
                             .lossy_rounds = 4});
  expect_round_trip(
      MeshReport{.pairs = 6,
                 .answered = 5,
                 .gaps = {{.from = 1, .first = 0, .last = 2, .loss = MeshLoss::kNotSent, .send_errno = 101}},
                 .rounds = 2,
                 .lossy_rounds = 1,
                 .is_complete = true,
                 .repeated = 1,
                 .backlog_drops = 3,
                 .queue_drops = 4,
                 .is_uncertain = true,
                 .strangers = 5,
                 .entries = 6,
                 .asking = std::chrono::microseconds(7)});
  expect_round_trip(Error::system("add route", 17, "told"));
  expect_round_trip(Finding{Finding::Kind::kChanged, "netns1", "link", "veth2", "mtu 1500", "mtu 1400"});
  expect_round_trip(Parameter{"CON", "netns1", "the namespace"});
  expect_round_trip(Topology{.namespaces = {"netns1"},
                             .links = {"veth1"},
                             .attachments = {{"netns1", "veth1", "veth2", {Prefix()}, IpAddress()}},
                             .node_address = IpAddress::v4(10, 0, 0, 10),
                             .build = samples::changes(),
                             .tear_down = {DeleteNamespace{"netns1"}}});
}
TEST(ModelJson, DefaultValuesTravelToo) {
  expect_round_trip(Snapshot{});
  expect_round_trip(EchoReport{});
  expect_round_trip(ExchangeReport{});
  expect_round_trip(Route{});
  expect_round_trip(std::optional<Link>());
  expect_round_trip(std::vector<std::optional<int>>{1, std::nullopt});
}
TEST(ModelJson, ErrorKindsAllTravel) {
  for (const ErrorKind kind : {ErrorKind::kSystem, ErrorKind::kInvalid, ErrorKind::kMissing, ErrorKind::kTaken,
                               ErrorKind::kTimeout, ErrorKind::kLost, ErrorKind::kCancelled, ErrorKind::kInternal}) {
    expect_round_trip(kind);
  }
}
TEST(ModelJson, EnumerationsOfTheKernelTravelWhenWeDoNotKnowThem) {
  expect_round_trip(static_cast<RouteType>(11));
  expect_round_trip(static_cast<Scope>(17));
  expect_round_trip(static_cast<OperState>(200));
}

TEST(ModelJson, KeysAndTextsAreAsDocumented) {
  EXPECT_EQ(dump_json(nlohmann::json(Change(CreateNamespace{"netns1"}))),
            R"({"change":"create-namespace","name":"netns1"})");
  EXPECT_EQ(
      dump_json(nlohmann::json(RunEvent(WorkerEnded{.worker = 3, .status = ExitStatus::kLabMissing, .message = "m"}))),
      R"({"event":"worker-ended","message":"m","status":3,"worker":3})");
  EXPECT_EQ(
      dump_json(nlohmann::json(samples::interface_address())),
      R"({"broadcast":"10.200.1.255","flags":128,"label":"veth2:1","link":"veth2","link_index":2,)"
      R"("peer":"10.200.1.2","preferred_lifetime":1800,"prefix":"10.200.1.1/32","scope":"link","valid_lifetime":3600})");
}
TEST(ModelJson, KeysOfDurationsTellTheirUnit) {
  const nlohmann::json echo = EchoSpec{};
  EXPECT_TRUE(echo.contains("interval_us") && echo.contains("reply_wait_ms")) << echo;
  EXPECT_EQ(json_to<EchoSpec>(echo)->interval, EchoSpec{}.interval);
  const nlohmann::json ended = CaseEnded{};
  EXPECT_TRUE(ended.contains("duration_us")) << ended;
}

TEST(ModelJson, ScenarioTellsEverythingButItsCode) {
  const Scenario scenario{.name = "n",
                          .title = "t",
                          .parameters = {{"CON", "netns1", "text"}},
                          .families = {Family::kIpv4, Family::kIpv6},
                          .requirements = {samples::requirement()},
                          .topology = {}};
  const nlohmann::json json = scenario;
  EXPECT_EQ(json.at("families"), nlohmann::json({"IPv4", "IPv6"}));
  EXPECT_EQ(json.at("requirements").at(0).at("level"), "MUST");
  EXPECT_EQ(json.at("nodes"), 1);
}
TEST(ModelJson, BytesThatAreNotUtf8BecomeVisible) {
  Link sent = samples::link();
  sent.name = "a\xFF";
  sent.alias = "ok \xC3\xA9";
  const Result<Link> back = through_text(sent);
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(back->name, "a\\xFF");
  EXPECT_EQ(back->alias, "ok \xC3\xA9");
}
TEST(ModelJson, DumpNeverThrows) { EXPECT_EQ(dump_json(nlohmann::json("a\xFF")), "\"a\xEF\xBF\xBD\""); }
TEST(ModelJson, DumpForMessagesIsCut) { EXPECT_EQ(dump_json(nlohmann::json("abcdefgh"), 4), "\"abc… (6 bytes more)"); }

using NamespaceIds = std::map<std::int32_t, std::uint64_t>;
struct Refusal {
  const char* name;
  const char* text;
  Error (*read)(const nlohmann::json&);  // the error, or one without words when it was accepted
  const char* want;
};
template <typename T>
Error read(const nlohmann::json& json) {
  const Result<T> result = json_to<T>(json);
  return result ? Error::internal("accepted", "") : result.error();
}
class ModelJsonRefuses : public ::testing::TestWithParam<Refusal> {};
TEST_P(ModelJsonRefuses, WithThePlaceAndTheReason) {
  const Result<nlohmann::json> json = parse_json(GetParam().text);
  ASSERT_TRUE(json) << json.error();
  const Error error = GetParam().read(*json);
  EXPECT_EQ(error.kind, ErrorKind::kInvalid);
  EXPECT_THAT(error.message(), HasSubstr(GetParam().want));
}
INSTANTIATE_TEST_SUITE_P(
    Hostile, ModelJsonRefuses,
    ::testing::Values(
        Refusal{"AMissingKey", R"({"namespaces":["a"]})", read<Topology>, "Topology.links: key 'links' is missing"},
        Refusal{"AnArrayForAnObject", "[]", read<Link>, "Link.index: expected an object, got []"},
        Refusal{"ANumberOutOfRange", R"({"link":"a","kind":"b","handle":4294967296,"parent":0})", read<QueueDiscipline>,
                "QueueDiscipline.handle: expected a number from 0 to 4294967295, got 4294967296"},
        Refusal{"ANegativeNumber", R"({"protocol":"tcp","address":"::","port":-1})", read<BoundSocket>,
                "BoundSocket.port: expected a number from 0 to 65535, got -1"},
        Refusal{"AFraction", R"({"protocol":"tcp","address":"::","port":1.5})", read<BoundSocket>, "got 1.5"},
        Refusal{"ATruthValueForANumber", R"({"protocol":"tcp","address":"::","port":true})", read<BoundSocket>,
                "got true"},
        Refusal{"ANumberForATruthValue", R"({"name":"a","is_nsfs_mount":1})", read<NamespaceEntry>,
                "NamespaceEntry.is_nsfs_mount: expected true or false, got 1"},
        Refusal{"ABadAddress", R"({"protocol":"tcp","address":"10.0.0.256","port":1})", read<BoundSocket>,
                "BoundSocket.address: address '10.0.0.256': expected an IPv4 address"},
        Refusal{"ABadPrefix", "\"10.0.0.0/33\"", read<Prefix>, "expected a length from 0 to 32"},
        Refusal{"ABadMac", "\"02:00\"", read<MacAddress>, "expected six hexadecimal bytes"},
        Refusal{"AnUnknownEnumerator", "\"IPv5\"", read<Family>, "expected one of IPv4, IPv6, got \"IPv5\""},
        Refusal{"AnEnumeratorTooLarge", "\"256\"", read<Scope>, "expected a number from 0 to 255"},
        Refusal{"AnUnknownErrorKind", "\"bad\"", read<ErrorKind>, "expected a kind of error"},
        Refusal{"AnUnknownStatus", "77", read<ExitStatus>, "expected an exit status"},
        Refusal{"AnUnknownChange", R"({"change":"reboot"})", read<Change>, "\"reboot\""},
        Refusal{"AChangeWithoutItsName", R"({"name":"netns1"})", read<Change>, "key 'change' is missing"},
        Refusal{"AWordForANamespaceId", R"({"x":1})", read<NamespaceIds>, "expected a decimal number, got \"x\""},
        Refusal{"AFractionForANamespaceId", R"({"1.5":1})", read<NamespaceIds>, "expected a decimal number"},
        Refusal{"ANamespaceIdTooLarge", R"({"4294967296":1})", read<NamespaceIds>,
                "expected a number from -2147483648"},
        Refusal{"AnEmptyEnumerator", R"("")", read<Scope>, "expected"},
        Refusal{"AnObjectForAList", "{}", read<std::vector<int>>, "expected an array"},
        Refusal{"AStringForAMap", "\"a\"", read<Parameters>, "expected an object"}),
    [](const ::testing::TestParamInfo<Refusal>& row) { return row.param.name; });

TEST(ParseJson, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "{\"a\":}", "\"a\xFF\"", "nul", "1 2"}) {
    const Result<nlohmann::json> json = parse_json(text);
    ASSERT_FALSE(json) << text;
    EXPECT_EQ(json.error().kind, ErrorKind::kInvalid);
  }
}
TEST(ParseJson, RefusesDeepNestingBeforeTheStackIsUsed) {
  const Result<nlohmann::json> json = parse_json(std::string(10'000'000, '['));
  ASSERT_FALSE(json);
  EXPECT_THAT(json.error().message(), HasSubstr("nested deeper than 64 levels"));
}
TEST(ModelJson, DeepNestingInsideAKeyIsRefusedWithoutFollowingIt) {
  nlohmann::json json = nlohmann::json::object();
  json[std::string(5'000'000, '[')] = 1;
  const Result<NamespaceIds> ids = json_to<NamespaceIds>(json);
  ASSERT_FALSE(ids);
  EXPECT_LT(ids.error().message().size(), 1000U);
}
TEST(ParseJson, BracketsInStringsAreNotNesting) {
  EXPECT_TRUE(parse_json("\"" + std::string(1000, '[') + "\\\"[[\""));
  EXPECT_TRUE(parse_json("[[]]", 2));
  EXPECT_FALSE(parse_json("[[[]]]", 2));
}

}  // namespace
}  // namespace netns_lab
