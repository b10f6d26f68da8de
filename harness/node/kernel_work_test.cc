#include "harness/node/kernel_work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <linux/rtnetlink.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/unique_fd.h"
#include "harness/model/readiness.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/route.h"
#include "harness/node/apply.h"
#include "harness/node/await_state.h"
#include "harness/node/network_fixture.h"
#include "harness/node/part_1.h"

namespace netns_lab::node {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

class KernelWorkTest : public NetworkFixture {
 protected:
  void arrange(const std::vector<Change>& changes) {
    const auto done = apply_changes(handles(), changes);
    if (!done) throw std::runtime_error(done.error().message());
  }
  // Part 1 in IPv6.
  void build() {
    arrange({CreateNamespace{"netns1"}, pair_of("veth1", "netns1", "veth2"), address_on("", "veth1", "fd00:1::1/64"),
             address_on("netns1", "veth2", "fd00:1::2/64"), raised("", "veth1"), raised("netns1", "veth2")});
  }
  static protocol::AwaitRequest up() {
    protocol::AwaitRequest request;
    request.links = {{"", "veth1", true, true}, {"netns1", "veth2", true, true}};
    return request;
  }
  static protocol::AwaitRequest gone() {
    protocol::AwaitRequest request;
    request.links = {{"", "veth1", false, false}};
    request.absent_namespaces = {"netns1"};
    return request;
  }
  static AwaitOptions patient() {
    AwaitOptions options;
    options.kernel_deadline = Deadline::after(60s);
    return options;
  }
  void delete_local_route() {
    Route local = direct_route("fd00:1::1/128", "veth1");
    local.table = RT_TABLE_LOCAL;
    local.type = RouteType::kLocal;
    local.protocol = RTPROT_KERNEL;
    arrange({DeleteRoute{"", local}});
  }
};

// Nothing is waited for but the control: without it, one round in some 300 finds an address that is not in use.
TEST_F(KernelWorkTest, AddressesAreInUseOnceItIsDone) {
  for (int i = 0; i < 25; ++i) {
    build();
    for (const std::string inside : {"", "netns1"}) {  // a carrier that is asked for is told (await_state.cc)
      netlink::NetlinkSocket& socket = *handles().socket(inside).value();
      const std::string link = inside.empty() ? "veth1" : "veth2";
      ASSERT_TRUE(netlink::get_link(socket, netlink::LinkRef::named(link)));
    }
    const auto done = await_address_work(Deadline::after(60s), -1);
    ASSERT_TRUE(done) << done.error();
    for (const std::string inside : {"", "netns1"}) {
      netlink::NetlinkSocket& socket = *handles().socket(inside).value();
      const auto addresses = netlink::list_addresses(socket).value();
      const auto routes = netlink::list_routes(socket, Family::kIpv6).value();
      const auto links = netlink::list_links(socket).value();
      for (const Link& link : links) {
        if (link.operstate != OperState::kUp) continue;  // a kernel that does not tell at once (before 6.8)
        EXPECT_THAT(addresses_not_in_use_yet(addresses, routes, link.index), testing::IsEmpty()) << link;
      }
    }
    arrange({DeleteLink{"", "veth1"}, DeleteNamespace{"netns1"}});
  }
}

TEST_F(KernelWorkTest, DeletedNamespacesAreGoneOnceItIsDone) {
  for (int i = 0; i < 5; ++i) {
    build();
    arrange({DeleteNamespace{"netns1"}});
    const auto done = await_reaping(Deadline::after(60s), -1);
    ASSERT_TRUE(done) << done.error();
    const auto link = netlink::get_link(*handles().socket("").value(), netlink::LinkRef::named("veth1"));
    ASSERT_FALSE(link);
    EXPECT_EQ(link.error().system_errno, ENODEV);
  }
}

// The deadline is none that a kernel could keep: what is seen is seen after it.
TEST_F(KernelWorkTest, AwaitTellsLateFromNever) {
  build();
  const auto late = await_state(handles(), up(), Deadline::after(-1s), patient());
  ASSERT_TRUE(late) << late.error();
  arrange({DeleteNamespace{"netns1"}});
  const auto reaped = await_state(handles(), gone(), Deadline::after(-1s), patient());
  ASSERT_TRUE(reaped) << reaped.error();
  EXPECT_GE(*reaped, 1s);
}

TEST_F(KernelWorkTest, WhatNobodyPutOffIsNotWaitedFor) {
  build();
  ASSERT_TRUE(await_state(handles(), up(), Deadline::after(60s)));
  delete_local_route();
  const auto unused = await_state(handles(), up(), Deadline::after(1ms), patient());
  ASSERT_FALSE(unused);
  EXPECT_EQ(unused.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(unused.error().message(), HasSubstr("address fd00:1::1 of link veth1 is not in use yet"));
  const auto left = await_state(handles(), gone(), Deadline::after(1ms), patient());
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(left.error().message(), HasSubstr("netns1 is still there"));
}

// On a busy machine the kernel may be done before it is looked at: asked again until it is not.
Result<void> refused_reaping(Deadline deadline, int cancel_fd) {
  for (int i = 0; i < 100; ++i) {
    const auto reaped = await_reaping(deadline, cancel_fd);
    if (!reaped) return reaped;
  }
  return {};
}

TEST_F(KernelWorkTest, AKernelThatDoesNotComeToItIsTold) {
  const auto reaped = refused_reaping(Deadline::passed_already(), -1);
  ASSERT_FALSE(reaped);
  EXPECT_EQ(reaped.error().kind, ErrorKind::kInternal);
  EXPECT_THAT(reaped.error().message(), HasSubstr("has reaped the namespaces that were deleted"));
  EXPECT_THAT(reaped.error().message(), HasSubstr("for a namespace of our own"));
}

TEST_F(KernelWorkTest, CanBeCancelled) {
  const UniqueFd cancelled(::eventfd(1, EFD_CLOEXEC));
  const auto reaped = refused_reaping(Deadline::never(), cancelled.get());
  ASSERT_FALSE(reaped);
  EXPECT_EQ(reaped.error().kind, ErrorKind::kCancelled);
}

}  // namespace
}  // namespace netns_lab::node
