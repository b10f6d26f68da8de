#include "harness/node/await_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>

#include <linux/rtnetlink.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>
#include <utility>

#include "harness/model/readiness.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/route.h"
#include "harness/netns/named.h"
#include "harness/node/apply.h"
#include "harness/node/device_manager.h"
#include "harness/node/network_fixture.h"
#include "harness/node/part_1.h"

namespace netns_lab::node {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using namespace std::chrono_literals;

class AwaitTest : public NetworkFixture {
 protected:
  void arrange(const std::vector<Change>& changes) {
    const auto done = apply_changes(handles(), changes);
    if (!done) throw std::runtime_error(done.error().message());
  }
  static protocol::AwaitRequest links(std::vector<protocol::AwaitRequest::LinkState> wanted) {
    protocol::AwaitRequest request;
    request.links = std::move(wanted);
    return request;
  }
};

// What happens while we wait, done by another thread with handles of its own.
struct EventRow {
  const char* name;
  std::vector<Change> before;
  std::vector<Change> meanwhile;
  protocol::AwaitRequest wanted;
};
void PrintTo(const EventRow& row, std::ostream* out) { *out << row.name; }
class AwaitEventTest : public AwaitTest, public testing::WithParamInterface<EventRow> {};

TEST_P(AwaitEventTest, IsSeen) {
  arrange(GetParam().before);
  NetworkHandles others = NetworkHandles::create().value();
  ASSERT_FALSE(await_state(handles(), GetParam().wanted, Deadline::passed_already()))
      << "it holds before anything happened";
  std::thread doer([&] {
    const auto done = apply_changes(others, GetParam().meanwhile);
    if (!done) ADD_FAILURE() << done.error();
  });
  const auto awaited = await_state(handles(), GetParam().wanted, Deadline::after(10s));
  doer.join();
  EXPECT_TRUE(awaited) << awaited.error();
}

protocol::AwaitRequest wanted(std::vector<protocol::AwaitRequest::LinkState> links,
                              std::vector<std::string> absent = {}) {
  protocol::AwaitRequest request;
  request.links = std::move(links);
  request.absent_namespaces = std::move(absent);
  return request;
}

SetLink port_of(const std::string& link, const std::string& bridge) {
  SetLink change;
  change.name = link;
  change.master = bridge;
  return change;
}

const std::vector<Change> kBuiltDown = {CreateNamespace{"netns1"}, pair_of("veth1", "netns1", "veth2")};
INSTANTIATE_TEST_SUITE_P(
    Events, AwaitEventTest,
    testing::Values(
        EventRow{"LinkAppears", {}, {pair_of("veth1", "", "veth2")}, wanted({{"", "veth1", true, false}})},
        EventRow{"LinkIsDeleted",
                 {pair_of("veth1", "", "veth2")},
                 {DeleteLink{"", "veth1"}},
                 wanted({{"", "veth2", false, false}})},
        EventRow{"BothEndsComeUp",
                 kBuiltDown,
                 {raised("", "veth1"), raised("netns1", "veth2")},
                 wanted({{"", "veth1", true, true}, {"netns1", "veth2", true, true}})},
        EventRow{"BothEndsHaveLinkLocalAddresses",
                 kBuiltDown,
                 {raised("", "veth1"), raised("netns1", "veth2")},
                 wanted({{"", "veth1", true, true, true}, {"netns1", "veth2", true, true, true}})},
        // Until then its operstate is that of an empty one, UNKNOWN, which would do.
        EventRow{"BridgeComesUpWithItsFirstPort",
                 {CreateLink{"", "br0", "bridge"}, raised("", "br0"), pair_of("veth1", "", "veth2"),
                  raised("", "veth1"), port_of("veth1", "br0")},
                 {raised("", "veth2")},
                 wanted({{"", "br0", true, true}})},
        EventRow{"LoopbackComesUp", {}, {raised("", "lo")}, wanted({{"", "lo", true, true}})},
        EventRow{"NamespaceAppearsWithItsLink", {}, single_namespace(), wanted({{"netns1", "veth2", true, true}})},
        EventRow{"NameGoes", {CreateNamespace{"netns1"}}, {DeleteNamespace{"netns1"}}, wanted({}, {"netns1"})},
        // Our own sockets inside must not keep the namespace, and with it veth1, alive.
        EventRow{"NamespaceGoesWithAllItsLinks",
                 kBuiltDown,
                 {DeleteNamespace{"netns1"}},
                 wanted({{"", "veth1", false, false}, {"netns1", "veth2", false, false}}, {"netns1"})}),
    [](const auto& row) { return std::string(row.param.name); });

// As udev: it writes its file of a device when it is through with it.
TEST_F(AwaitTest, WaitsUntilTheDeviceManagerIsThroughWithTheNodesLinks) {
  CreateVeth pair;
  pair.name = "veth1";
  pair.peer_namespace = "netns1";
  pair.peer_name = "veth2";
  pair.up = true;
  SetLink raise;
  raise.network_namespace = "netns1";
  raise.name = "veth2";
  raise.up = true;
  arrange({CreateNamespace{"netns1"}, pair, raise});
  std::filesystem::create_directories("/run/udev/data");
  AgentContext context;
  context.provider = "host";
  context.uplink = "veth1";
  const UniqueFd opened = open_device_manager();
  ASSERT_TRUE(opened.valid());
  context.device_manager = "/run/udev";
  EXPECT_EQ(device_database(context), "") << "nobody is at the control socket";
  std::ofstream("/run/udev/control").flush();
  EXPECT_EQ(device_database(context), "") << "it has not heard of the uplink";
  const std::string file = "/run/udev/data/n" + std::to_string(::if_nametoindex("veth1"));
  const AwaitOptions options = {.cancel_fd = -1, .device_database = "/run/udev/data"};
  const auto request = links({{"", "veth1", true, true}, {"netns1", "veth2", true, true}});
  const auto early = await_state(handles(), request, Deadline::after(20ms), options);
  ASSERT_FALSE(early);
  EXPECT_THAT(early.error().message(), HasSubstr("udev is not through with link veth1 yet"));
  std::thread udev([&] { std::ofstream(file).flush(); });
  EXPECT_TRUE(await_state(handles(), request, Deadline::after(10s), options));
  udev.join();
  EXPECT_EQ(device_database(context), "/run/udev/data");
  context.device_manager = "";
  EXPECT_EQ(device_database(context), "") << "a sandbox has none";
  std::filesystem::remove_all("/run/udev");
}

TEST_F(AwaitTest, ALinkWithoutCarrierIsNotOperational) {
  arrange({pair_of("veth1", "", "veth2"), raised("", "veth1")});
  const auto awaited = await_state(handles(), links({{"", "veth1", true, true}}), Deadline::after(10ms));
  ASSERT_FALSE(awaited);
  EXPECT_EQ(awaited.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(awaited.error().message(),
              ContainsRegex("link veth1 is <.*UP.*> operstate (UNKNOWN|LOWERLAYERDOWN|DOWN), not operational"));
  EXPECT_THAT(awaited.error().message(), HasSubstr("not operational"));
}

// Without asking the kernel for it by itself its operstate is DOWN for up to a second. Before Linux 6.8 it is anyhow.
TEST_F(AwaitTest, ABridgeWhosePortsForwardNeedNotBeWaitedFor) {
  utsname host{};
  int major = 0, minor = 0;
  ASSERT_EQ(::uname(&host), 0);
  ASSERT_EQ(std::sscanf(static_cast<const char*>(host.release), "%d.%d", &major, &minor), 2);
  if (std::pair(major, minor) < std::pair(6, 8))
    GTEST_SKIP() << "Linux " << major << "." << minor << " is older than 6.8";
  CreateVeth pair = pair_of("veth1", "netns1", "veth2");
  pair.master = "br0";
  // An IPv6 address of its own would be put in use by another worker.
  arrange({SetSysctl{"", "net.ipv6.conf.default.disable_ipv6", "1"}, CreateLink{"", "br0", "bridge"},
           CreateNamespace{"netns1"}, pair, raised("netns1", "veth2"), raised("", "veth1"), raised("", "br0")});
  const auto awaited = await_state(handles(), links({{"", "br0", true, true}}), Deadline::passed_already());
  EXPECT_TRUE(awaited) << awaited.error();
}

// What puts an address in use is a work queue of the kernel's. Without waiting for it one build in some 300 fails here.
TEST_F(AwaitTest, AnOperationalLinkHasItsIpv6AddressesInUse) {
  const auto both_up = links({{"", "veth1", true, true}, {"netns1", "veth2", true, true}});
  for (int i = 0; i < 25; ++i) {
    arrange({CreateNamespace{"netns1"}, pair_of("veth1", "netns1", "veth2"), address_on("", "veth1", "fd00:1::1/64"),
             address_on("netns1", "veth2", "fd00:1::2/64"), raised("", "veth1"), raised("netns1", "veth2")});
    const auto awaited = await_state(handles(), both_up, Deadline::after(10s));
    ASSERT_TRUE(awaited) << awaited.error();
    for (const std::string inside : {"", "netns1"}) {
      netlink::NetlinkSocket& socket = *handles().socket(inside).value();
      const auto addresses = netlink::list_addresses(socket).value();
      const auto routes = netlink::list_routes(socket, Family::kIpv6).value();
      const auto seen = netlink::list_links(socket).value();
      ASSERT_FALSE(seen.empty());
      for (const Link& link : seen) {
        EXPECT_THAT(addresses_not_in_use_yet(addresses, routes, link.index), testing::IsEmpty()) << link;
      }
    }
    arrange({DeleteLink{"", "veth1"}, DeleteNamespace{"netns1"}});
  }
}

TEST_F(AwaitTest, AMissingLinkLocalAddressIsNamed) {
  arrange({pair_of("veth1", "", "veth2"), SetSysctl{"", "net.ipv6.conf.veth1.addr_gen_mode", "1"}, raised("", "veth1"),
           raised("", "veth2")});
  const auto awaited = await_state(handles(), links({{"", "veth1", true, true, true}}), Deadline::after(50ms));
  ASSERT_FALSE(awaited);
  EXPECT_EQ(awaited.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(awaited.error().message(), HasSubstr("link veth1 has no IPv6 link-local address yet"));
}

TEST_F(AwaitTest, AnAddressThatIsNotInUseIsNamed) {
  arrange({pair_of("veth1", "", "veth2"), address_on("", "veth1", "fd00:1::1/64"), raised("", "veth1"),
           raised("", "veth2")});
  const auto both_up = links({{"", "veth1", true, true}});
  ASSERT_TRUE(await_state(handles(), both_up, Deadline::after(10s)));
  Route local = direct_route("fd00:1::1/128", "veth1");
  local.table = RT_TABLE_LOCAL;
  local.type = RouteType::kLocal;
  local.protocol = RTPROT_KERNEL;
  arrange({DeleteRoute{"", local}});
  const auto awaited = await_state(handles(), both_up, Deadline::after(10ms));
  ASSERT_FALSE(awaited);
  EXPECT_THAT(awaited.error().message(), HasSubstr("address fd00:1::1 of link veth1 is not in use yet"));
}

TEST_F(AwaitTest, TimeOutTellsEverythingThatIsMissing) {
  arrange({CreateNamespace{"netns1"}});
  protocol::AwaitRequest request = wanted({{"netns9", "veth2", true, false}}, {"netns1"});
  const auto awaited = await_state(handles(), request, Deadline::after(10ms));
  ASSERT_FALSE(awaited);
  EXPECT_THAT(awaited.error().message(), HasSubstr("link veth2 in netns9 is absent with its namespace, not present"));
  EXPECT_THAT(awaited.error().message(), HasSubstr("/run/netns/netns1 is still there"));
}

TEST_F(AwaitTest, CanBeCancelled) {
  const UniqueFd cancelled(::eventfd(1, EFD_CLOEXEC));
  const auto awaited = await_state(handles(), links({{"", "veth1", true, true}}), Deadline::never(),
                                   {.cancel_fd = cancelled.get(), .device_database = ""});
  ASSERT_FALSE(awaited);
  EXPECT_EQ(awaited.error().kind, ErrorKind::kCancelled);
}

TEST_F(AwaitTest, ABadNameIsRefused) {
  EXPECT_EQ(await_state(handles(), wanted({}, {"../etc"}), Deadline::after(1s)).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(await_state(handles(), links({{"a/b", "x", true, true}}), Deadline::after(1s)).error().kind,
            ErrorKind::kInvalid);
}

}  // namespace
}  // namespace netns_lab::node
