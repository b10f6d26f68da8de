#include "harness/conformance/undeclared_sysctls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/conformance/closed_world.h"
#include "harness/conformance/test_world.h"

namespace netns_lab {
namespace {

using namespace test_world;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A scenario that makes its node a router: what the kernel sets along with that is no finding, anything else is.
TEST(ClosedWorldOfARouter, TakesWhatTheKernelSetsAlong) {
  Declaration router = declaration_of(topology());
  router.sysctls.push_back({"", "net.ipv4.ip_forward", "1"});
  Snapshot was = before();
  node_of(was).sysctls["net.ipv4.conf.eth0.forwarding"] = "0";
  node_of(was).sysctls["net.ipv4.conf.all.accept_redirects"] = "1";
  Snapshot now = after();
  node_of(now).sysctls["net.ipv4.ip_forward"] = "1";
  node_of(now).sysctls["net.ipv4.conf.eth0.forwarding"] = "1";
  node_of(now).sysctls["net.ipv4.conf.all.accept_redirects"] = "0";
  EXPECT_THAT(undeclared(Area::kSysctls, was, now, router), IsEmpty());
  EXPECT_THAT(undeclared(Area::kSysctls, was, now, declaration_of(topology())), SizeIs(3));
  node_of(was).sysctls["net.ipv4.conf.default.forwarding"] = "0";
  node_of(now).sysctls["net.ipv4.conf.default.forwarding"] = "0";
  EXPECT_THAT(undeclared(Area::kSysctls, was, now, router),
              ElementsAre(HasSubstr("is 0; with what is declared it is 1")));
  node_of(now).sysctls["net.ipv4.conf.default.forwarding"] = "1";
  node_of(now).sysctls["net.ipv4.conf.eth0.forwarding"] = "2";
  EXPECT_THAT(undeclared(Area::kSysctls, was, now, router), SizeIs(1));
  container_of(now).sysctls["net.ipv4.conf.all.forwarding"] = "1";
  EXPECT_THAT(undeclared(Area::kSysctls, was, now, router), SizeIs(1)) << "the node's is declared, only";
}

}  // namespace
}  // namespace netns_lab
