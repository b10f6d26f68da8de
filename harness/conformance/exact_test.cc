#include "harness/conformance/exact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "harness/conformance/declaration.h"
#include "harness/conformance/test_world.h"

namespace netns_lab {
namespace {

using namespace test_world;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Row {
  const char* name;
  std::function<void(NamespaceState&)> change;
  const char* says;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

NamespaceState container() {
  Snapshot snapshot = after();
  return container_of(snapshot);
}

std::size_t own_address(const NamespaceState& state) { return state.addresses.size() - 1; }
Route& default_route(NamespaceState& state) { return state.routes.back(); }

class WrongAddress : public ::testing::TestWithParam<Row> {};
TEST_P(WrongAddress, IsTold) {
  NamespaceState state = container();
  GetParam().change(state);
  EXPECT_THAT(address_findings(state, "veth2", {prefix("10.200.1.1/32")}), Contains(HasSubstr(GetParam().says)));
}
const Row kAddresses[] = {
    {"Missing", [](NamespaceState& s) { s.addresses.pop_back(); }, "lacks the address 10.200.1.1/32"},
    {"ShorterPrefix", [](NamespaceState& s) { s.addresses[own_address(s)].prefix.length = 24; },
     "10.200.1.1/24, which is not declared"},
    {"SecondOne", [](NamespaceState& s) { s.addresses.push_back(address(s.links[1], "10.200.1.2/32")); },
     "10.200.1.2/32, which is not declared"},
    {"Ipv6One", [](NamespaceState& s) { s.addresses.push_back(address(s.links[1], "fd00::2/64")); }, "fd00::2/64"},
    {"LinkLocalNobodyMade",
     [](NamespaceState& s) { s.addresses.push_back(address(s.links[1], "fe80::5/64", Scope::kLink)); }, "fe80::5/64"},
    {"Scope", [](NamespaceState& s) { s.addresses[own_address(s)].scope = Scope::kLink; }, "scope link, not global"},
    {"Lifetime", [](NamespaceState& s) { s.addresses[own_address(s)].valid_lifetime = 60; }, "valid for 60 s"},
    {"PreferredLifetime", [](NamespaceState& s) { s.addresses[own_address(s)].preferred_lifetime = 0; },
     "preferred for 0 s"},
    {"Flags", [](NamespaceState& s) { s.addresses[own_address(s)].flags |= IFA_F_NOPREFIXROUTE; }, "not \"permanent\""},
    {"Peer", [](NamespaceState& s) { s.addresses[own_address(s)].peer = ip("10.200.1.9"); }, "peer address 10.200.1.9"},
};
INSTANTIATE_TEST_SUITE_P(Rows, WrongAddress, ::testing::ValuesIn(kAddresses),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ExactAddresses, TakesTheRightOneAndTheKernelsOwn) {
  EXPECT_THAT(address_findings(container(), "veth2", {prefix("10.200.1.1/32")}), IsEmpty());
}

TEST(ExactAddresses, TakesAStablePrivateLinkLocalAddressWhereTheLinkMakesSuch) {
  NamespaceState state = container();
  state.addresses.push_back(address(state.links[1], "fe80::5/64", Scope::kLink));
  state.sysctls["net.ipv6.conf.veth2.addr_gen_mode"] = "2";
  EXPECT_THAT(address_findings(state, "veth2", {prefix("10.200.1.1/32")}), IsEmpty());
}

TEST(ExactAddresses, TakesTheLinkLocalAddressOfTheMacALinkHadWhenItWasRaised) {
  NamespaceState state = container();
  state.links[1].mac = MacAddress::parse("02:00:00:00:00:99").value();
  EXPECT_THAT(address_findings(state, "veth2", {prefix("10.200.1.1/32")}), IsEmpty());
}

TEST(ExactAddresses, TakesOnlyOneLinkLocalAddressThatIsMadeFromAMac) {
  NamespaceState state = container();
  const auto other = link_local_of(MacAddress::parse("02:00:00:00:00:99").value());
  state.addresses.push_back(address(state.links[1], other.to_string() + "/64", Scope::kLink));
  EXPECT_THAT(address_findings(state, "veth2", {prefix("10.200.1.1/32")}), Contains(HasSubstr(other.to_string())));
}

class WrongRoute : public ::testing::TestWithParam<Row> {};
TEST_P(WrongRoute, IsTold) {
  NamespaceState state = container();
  const Route declared = default_route(state);
  GetParam().change(state);
  EXPECT_THAT(route_findings(state, declared), Contains(HasSubstr(GetParam().says)));
}
const Row kRoutes[] = {
    {"Missing", [](NamespaceState& s) { s.routes.pop_back(); }, "there is no route to 0.0.0.0/0"},
    {"Second",
     [](NamespaceState& s) {
       s.routes.push_back(s.routes.back());
       s.routes.back().metric = 5;
     },
     "there are 2 routes"},
    {"Gateway", [](NamespaceState& s) { default_route(s).hops[0].gateway = ip("10.200.1.9"); },
     "via 10.200.1.9 dev veth2, not via 10.200.1.1 dev veth2"},
    {"Link", [](NamespaceState& s) { default_route(s).hops[0].link = "lo"; }, "dev lo"},
    {"Metric", [](NamespaceState& s) { default_route(s).metric = 100; }, "metric is 100"},
    {"Blackhole", [](NamespaceState& s) { default_route(s).type = RouteType::kBlackhole; }, "type is blackhole"},
    {"Mtu", [](NamespaceState& s) { default_route(s).mtu = 1000; }, "1000 bytes"},
    {"Metrics",
     [](NamespaceState& s) {
       default_route(s).other_metrics = {{"advmss", "500"}};
     },
     "advmss to 500"},
    {"Source", [](NamespaceState& s) { default_route(s).preferred_source = ip("10.200.1.9"); }, "10.200.1.9"},
    {"Multipath", [](NamespaceState& s) { default_route(s).hops.push_back(default_route(s).hops.front()); },
     " and via"},
};
INSTANTIATE_TEST_SUITE_P(Rows, WrongRoute, ::testing::ValuesIn(kRoutes),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ExactRoute, TakesTheDeclaredOneWhoeverAddedIt) {
  NamespaceState state = container();
  const Route declared = default_route(state);
  default_route(state).protocol = 4;  // RTPROT_STATIC
  EXPECT_THAT(route_findings(state, declared), IsEmpty());
}

TEST(ExactRoute, TakesScopeLinkByAGatewayOfTheNamespaceItself) {
  NamespaceState state = container();
  const Route declared = default_route(state);
  default_route(state).scope = Scope::kLink;
  EXPECT_THAT(route_findings(state, declared), IsEmpty());
  default_route(state).scope = Scope::kHost;
  EXPECT_THAT(route_findings(state, declared), Contains(HasSubstr("scope is host, not global")));
}

TEST(ExactRoute, TakesTheKernelsUsualMetricInIpv6) {
  NamespaceState state;
  Route declared = route("fd00:200::1/128", "veth1", Scope::kGlobal);
  state.routes = {declared};
  state.routes[0].metric = 1024;
  EXPECT_THAT(route_findings(state, declared), IsEmpty());
}

}  // namespace
}  // namespace netns_lab
