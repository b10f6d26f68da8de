#include "harness/node/network_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "harness/node/apply.h"
#include "harness/node/network_fixture.h"

namespace netns_lab::node {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::Key;
using testing::SizeIs;

class NetworkStateTest : public NetworkFixture {
 protected:
  std::vector<NamespaceState> read(const SnapshotOptions& options = {}) {
    auto states = read_network_states(handles(), {"netns1"}, options);
    if (!states) throw std::runtime_error(states.error().message());
    return std::move(*states);
  }
};

TEST_F(NetworkStateTest, HoldsBothNamespacesOfTheScenarioAndNamesThePeers) {
  ASSERT_TRUE(apply_changes(handles(), part_1()));
  const auto states = read();
  ASSERT_THAT(states, SizeIs(2));
  const NamespaceState& own = states[0];
  const NamespaceState& inside = states[1];
  EXPECT_EQ(own.name, "");
  EXPECT_EQ(inside.name, "netns1");
  EXPECT_NE(own.inode, inside.inode);

  const Link* const near = own.find_link("veth1");
  const Link* const far = inside.find_link("veth2");
  ASSERT_NE(near, nullptr);
  ASSERT_NE(far, nullptr);
  EXPECT_EQ(near->peer_index, far->index);
  EXPECT_EQ(far->peer_index, near->index);
  ASSERT_TRUE(near->peer_netnsid.has_value());
  ASSERT_TRUE(far->peer_netnsid.has_value());
  EXPECT_EQ(own.netnsids.at(*near->peer_netnsid), inside.inode);
  EXPECT_EQ(inside.netnsids.at(*far->peer_netnsid), own.inode);

  ASSERT_THAT(inside.addresses_of("veth2"), testing::Not(IsEmpty()));
  EXPECT_EQ(inside.addresses_of("veth2").front().prefix.to_string(), "10.200.1.1/32");
  EXPECT_THAT(inside.routes, Contains(Field(&Route::destination, Prefix::default_route(Family::kIpv4))));
  EXPECT_THAT(inside.qdiscs, IsEmpty());
  EXPECT_THAT(inside.sysctls, IsEmpty());
}

}  // namespace
}  // namespace netns_lab::node
