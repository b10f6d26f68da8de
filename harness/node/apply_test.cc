#include "harness/node/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/neighbour.h"
#include "harness/netlink/route.h"
#include "harness/netlink/rule.h"
#include "harness/netns/named.h"
#include "harness/node/await_state.h"
#include "harness/node/network_fixture.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {
namespace {

using testing::Contains;
using testing::HasSubstr;

class ApplyTest : public NetworkFixture {};

TEST_F(ApplyTest, BuildsTheSingleNamespaceScenario) {
  const auto done = apply_changes(handles(), part_1());
  ASSERT_TRUE(done) << done.error();
  protocol::AwaitRequest up;
  up.links = {{"", "veth1", true, true}, {"netns1", "veth2", true, true}, {"netns1", "lo", true, true}};
  const auto awaited = await_state(handles(), up, Deadline::after(std::chrono::seconds(2)));
  ASSERT_TRUE(awaited) << awaited.error();

  const NetworkHandles::Use use(handles());
  const auto inside = netlink::list_addresses(**handles().socket("netns1"));
  ASSERT_TRUE(inside) << inside.error();
  std::vector<std::string> prefixes;
  for (const InterfaceAddress& address : *inside) prefixes.push_back(address.prefix.to_string());
  EXPECT_THAT(prefixes, Contains("10.200.1.1/32"));

  const auto answers = look_up_routes(handles(), {query("", "10.200.1.1"), query("netns1", "192.0.2.1")});
  ASSERT_TRUE(answers) << answers.error();
  EXPECT_EQ((*answers)[0].output_link, "veth1") << (*answers)[0];
  EXPECT_EQ((*answers)[1].output_link, "veth2") << (*answers)[1];
}

}  // namespace
}  // namespace netns_lab::node
