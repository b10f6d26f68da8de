#include "harness/node/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/neighbour.h"
#include "harness/netlink/rule.h"
#include "harness/netns/named.h"
#include "harness/node/await_state.h"
#include "harness/node/network_fixture.h"
#include "harness/node/network_state.h"
#include "harness/node/part_1.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class ApplyTest : public NetworkFixture {
 protected:
  NamespaceState state(const std::string& network_namespace, const SnapshotOptions& options = {}) {
    auto read = read_network_state(handles(), network_namespace, options);
    if (!read) throw std::runtime_error(read.error().message());
    return std::move(*read);
  }
  void arrange(const std::vector<Change>& changes) {
    const auto done = apply_changes(handles(), changes);
    if (!done) throw std::runtime_error(done.error().message());
  }
  Error refusal(const std::vector<Change>& changes) {
    const auto done = apply_changes(handles(), changes);
    if (done) throw std::runtime_error("it was done");
    return done.error();
  }
};

TEST_F(ApplyTest, BuildsTheSingleNamespaceScenario) {
  const auto done = apply_changes(handles(), single_namespace());
  ASSERT_TRUE(done) << done.error();
  protocol::AwaitRequest up;
  up.links = {{"", "veth1", true, true}, {"netns1", "veth2", true, true}, {"netns1", "lo", true, true}};
  const auto awaited = await_state(handles(), up, Deadline::after(std::chrono::seconds(5)));
  ASSERT_TRUE(awaited) << awaited.error();

  std::vector<std::string> prefixes;
  for (const InterfaceAddress& address : state("netns1").addresses) prefixes.push_back(address.prefix.to_string());
  EXPECT_THAT(prefixes, Contains("10.200.1.1/32"));
  const auto answers = look_up_routes(handles(), {query("", "10.200.1.1"), query("netns1", "192.0.2.1")});
  ASSERT_TRUE(answers) << answers.error();
  EXPECT_EQ((*answers)[0].output_link, "veth1") << (*answers)[0];
  EXPECT_EQ((*answers)[1].output_link, "veth2") << (*answers)[1];
}

TEST_F(ApplyTest, EveryKindOfChangeIsSeenAndUndone) {
  arrange({CreateNamespace{"netns1"}, pair_of("veth1", "netns1", "veth2"), CreateLink{"", "br0", "bridge"},
           raised("", "veth1"), raised("netns1", "veth2"), raised("", "br0")});
  const NamespaceState before = state("");
  SetLink join;
  join.name = "veth1";
  join.master = "br0";
  RoutingRule rule;
  rule.priority = 77;
  rule.table = 100;
  const Route route = direct_route("10.9.0.0/16", "veth1");
  const AddNeighbour neighbour{"", "veth1", IpAddress::v4(10, 9, 0, 1), MacAddress({2, 0, 0, 0, 0, 9})};
  arrange({join, address_on("", "veth1", "192.0.2.1/24"), AddRoute{"", route}, AddRule{"", rule}, neighbour,
           SetSysctl{"netns1", "net.ipv4.ip_forward", "1"}});

  SnapshotOptions options;
  options.sysctls = {"net.ipv4.ip_forward"};
  EXPECT_EQ(state("netns1", options).sysctls.at("net.ipv4.ip_forward"), "1");
  const NamespaceState during = state("");
  EXPECT_EQ(during.find_link("veth1")->master, during.find_link("br0")->index);
  EXPECT_EQ(during.addresses_of("veth1").front().prefix.to_string(), "192.0.2.1/24");
  EXPECT_THAT(during.rules, Contains(testing::Field(&RoutingRule::priority, 77U)));
  EXPECT_THAT(during.neighbours, Contains(testing::Field(&Neighbour::address, neighbour.address)));
  EXPECT_THAT(during.routes, Contains(testing::Field(&Route::destination, route.destination)));

  SetLink leave;
  leave.name = "veth1";
  leave.master = "";
  arrange({leave, DeleteNeighbour{"", "veth1", neighbour.address}, DeleteRule{"", rule}, DeleteRoute{"", route},
           DeleteAddress{"", "veth1", Prefix::parse("192.0.2.1/24").value()}});
  const NamespaceState after = state("");
  EXPECT_EQ(after.find_link("veth1")->master, std::nullopt);
  EXPECT_EQ(after.rules, before.rules);
  EXPECT_THAT(after.routes, Not(Contains(testing::Field(&Route::destination, route.destination))));
  arrange({DeleteLink{"", "veth1"}, DeleteLink{"", "br0"}, DeleteNamespace{"netns1"}});
  EXPECT_EQ(state("").find_link("veth1"), nullptr);
  EXPECT_EQ(NetworkNamespace::open("/run/netns", "netns1").error().kind, ErrorKind::kMissing);
}

TEST_F(ApplyTest, APairIsMadeAsAPortOfABridgeOfTheSameList) {
  CreateVeth port = pair_of("veth10", "netns1", "veth11");
  port.master = "br0";
  arrange({CreateNamespace{"netns1"}, CreateLink{"", "br0", "bridge"}, port});
  const NamespaceState node = state("");
  EXPECT_EQ(node.find_link("veth10")->master, node.find_link("br0")->index);
  EXPECT_EQ(state("netns1").find_link("veth11")->master, std::nullopt);
  EXPECT_EQ(node.find_link("veth10")->bridge_port.at("hairpin"), 0U);
  SetLink hairpin;
  hairpin.name = "veth10";
  hairpin.hairpin = true;
  arrange({hairpin});
  EXPECT_EQ(state("").find_link("veth10")->bridge_port.at("hairpin"), 1U);
}

TEST_F(ApplyTest, RenamesAndMovesAreFollowedWithinOneList) {
  SetLink rename;
  rename.name = "veth2";
  rename.new_name = "inner";
  SetLink move;
  move.name = "inner";
  move.move_to = "netns1";
  arrange({CreateNamespace{"netns1"}, pair_of("veth1", "", "veth2"), rename, move,
           address_on("netns1", "inner", "192.0.2.1/24")});
  EXPECT_EQ(state("netns1").addresses_of("inner").front().prefix.to_string(), "192.0.2.1/24");
}

TEST_F(ApplyTest, ANameUsedAgainInOneListIsTheNewLink) {
  arrange({pair_of("veth1", "", "veth2"), DeleteLink{"", "veth1"}, pair_of("veth1", "", "veth2"),
           address_on("", "veth2", "192.0.2.1/24")});
  EXPECT_EQ(state("").addresses_of("veth2").size(), 1U);
}

TEST_F(ApplyTest, ANamespaceMadeAnewUnderItsNameIsTheNewOne) {
  arrange({CreateNamespace{"netns1"}, CreateLink{"netns1", "br0", "bridge"}});
  ASSERT_TRUE(unname_namespace("/run/netns", "netns1"));  // somebody else does this
  arrange({CreateNamespace{"netns1"}});
  EXPECT_EQ(state("netns1").find_link("br0"), nullptr);
  arrange({DeleteNamespace{"netns1"}, CreateNamespace{"netns1"}, CreateLink{"netns1", "br1", "bridge"}});
  EXPECT_NE(state("netns1").find_link("br1"), nullptr);
}

// A namespace whose name was deleted must die, though its state was read and changed through us: else its links' peers
// would stay.
TEST_F(ApplyTest, HoldsNoNamespaceAliveBetweenOperations) {
  arrange(single_namespace());
  state("netns1");
  ASSERT_TRUE(unname_namespace("/run/netns", "netns1"));
  protocol::AwaitRequest gone;
  gone.links = {{"", "veth1", false, false}};
  const auto awaited = await_state(handles(), gone, Deadline::after(std::chrono::seconds(10)));
  EXPECT_TRUE(awaited) << awaited.error();
}

struct RefusalRow {
  const char* name;
  std::vector<Change> changes;
  int system_errno;
  const char* text;
};
void PrintTo(const RefusalRow& row, std::ostream* out) { *out << row.name; }
class RefusalTest : public ApplyTest, public testing::WithParamInterface<RefusalRow> {};

TEST_P(RefusalTest, NamesTheChangeAndWhatWasSaid) {
  const Error error = refusal(GetParam().changes);
  EXPECT_EQ(error.system_errno, GetParam().system_errno) << error;
  EXPECT_THAT(error.message(), HasSubstr(GetParam().text));
}

const Change kPair = pair_of("veth1", "", "veth2");
INSTANTIATE_TEST_SUITE_P(
    Changes, RefusalTest,
    testing::Values(
        RefusalRow{"LinkTaken", {kPair, kPair}, EEXIST, "create veth veth1 with peer veth2: EEXIST"},
        RefusalRow{"NoSuchLink",
                   {kPair, raised("", "veth3")},
                   ENODEV,
                   "set link veth3 up (find link veth3 in the node's own namespace): ENODEV"},
        RefusalRow{"NoSuchNamespace",
                   {raised("netns9", "lo")},
                   ENOENT,
                   "set link lo in netns9 up (open network namespace /run/netns/netns9"},
        RefusalRow{"NamespaceNameWithSlash",
                   {CreateNamespace{"a/b"}},
                   0,
                   "create namespace a/b (network namespace name \"a/b\"): it holds a '/'"},
        RefusalRow{
            "NamespaceTaken", {CreateNamespace{"netns1"}, CreateNamespace{"netns1"}}, 0, "create namespace netns1"},
        RefusalRow{"RouteOverADownLink",
                   {kPair, AddRoute{"", direct_route("10.0.0.0/8", "veth1")}},
                   ENETDOWN,
                   "ENETDOWN (Network is down); the kernel says: Device for nexthop is not up"},
        RefusalRow{"MiddleOfABatch",
                   {kPair, address_on("", "veth1", "192.0.2.1/24"), address_on("", "veth1", "192.0.2.1/24"),
                    raised("", "veth1")},
                   EEXIST,
                   "add address 192.0.2.1/24 to veth1: EEXIST"},
        RefusalRow{"Sysctl",
                   {SetSysctl{"", "net.ipv4.ip_forward", "x"}},
                   EINVAL,
                   "set sysctl net.ipv4.ip_forward to x (write"},
        RefusalRow{"SysctlOfTheMachine", {SetSysctl{"", "kernel.hostname", "x"}}, 0, "only what is below net"},
        RefusalRow{"NoSuchBridge",
                   {[] {
                     CreateVeth port = pair_of("veth10", "", "veth11");
                     port.master = "br9";
                     return port;
                   }()},
                   ENODEV,
                   "create veth veth10 with peer veth11 master br9 (find link br9"},
        RefusalRow{"UnknownKind", {CreateLink{"", "x0", "no-such-kind"}}, EOPNOTSUPP, "Unknown device type"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(ApplyTest, NothingIsDoneToALinkWhoseCreationFailed) {
  arrange({kPair});
  const std::uint32_t mtu = state("").find_link("veth1")->mtu;
  SetLink change;
  change.name = "veth1";
  change.mtu = 1300;
  EXPECT_EQ(refusal({kPair, change}).system_errno, EEXIST);
  EXPECT_EQ(state("").find_link("veth1")->mtu, mtu);
}

TEST_F(ApplyTest, LookUpsAnswerForWhatIsNotThere) {
  arrange({kPair});
  RouteQuery received = query("", "192.0.2.1");
  received.input_link = "veth9";
  const auto answers = look_up_routes(handles(), {query("netns9", "192.0.2.1"), received, query("", "192.0.2.1")});
  ASSERT_TRUE(answers) << answers.error();
  EXPECT_EQ((*answers)[0].system_errno, ENOENT);
  EXPECT_EQ((*answers)[1].system_errno, ENODEV);
  EXPECT_EQ((*answers)[2].system_errno, ENETUNREACH);
}

}  // namespace
}  // namespace netns_lab::node
