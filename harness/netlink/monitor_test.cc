#include "harness/netlink/monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "harness/netlink/test_namespace.h"

namespace netns_lab::netlink {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

class MonitorTest : public KernelTest {
 protected:
  Monitor monitor() { return Monitor::adopt(home().raw_socket(), home().raw_socket()).value(); }
  static Monitor::Predicate present(const std::string& name) {
    return [name](const Links& links) { return links.find(name) != nullptr; };
  }
  static Monitor::Predicate operational(const std::string& name) {
    return [name](const Links& links) {
      return links.find(name) != nullptr && links.find(name)->operstate == OperState::kUp;
    };
  }
};

TEST_F(MonitorTest, StateThatHoldsAlreadyIsSeenAtOnce) {
  Monitor watch = monitor();
  EXPECT_TRUE(watch.wait_until(present("lo"), "lo", Deadline::passed_already()));
}

TEST_F(MonitorTest, WaitsForALinkToComeUp) {
  make_pair("veth0", "veth9");
  make_pair("veth1", "veth2");
  Monitor watch = monitor();
  std::thread raiser([this] {
    raise("veth1");
    raise("veth2");
  });
  const auto awaited = watch.wait_until(operational("veth2"), "veth2 to be UP", Deadline::after(5s));
  raiser.join();
  EXPECT_TRUE(awaited) << awaited.error();
}

TEST_F(MonitorTest, SeesRenamesAndDeletions) {
  make_pair("veth1", "veth2");
  Monitor watch = monitor();
  LinkChange rename;
  rename.new_name = "renamed";
  ASSERT_TRUE(socket().execute(set_link(LinkRef::indexed(index_of("veth1")), rename)));
  EXPECT_TRUE(watch.wait_until(present("renamed"), "the new name", Deadline::after(2s)));
  EXPECT_EQ(watch.links().find("veth1"), nullptr);
  ASSERT_TRUE(socket().execute(delete_link(LinkRef::named("renamed"))));
  EXPECT_TRUE(
      watch.wait_until([](const Links& links) { return links.all().size() == 1; }, "lo alone", Deadline::after(5s)));
}

TEST_F(MonitorTest, LeavingABridgeIsNotLeavingTheNamespace) {
  make_pair("veth1", "veth2");
  ASSERT_TRUE(socket().execute(create_link("br0", "bridge")));
  LinkChange join;
  join.master = index_of("br0");
  ASSERT_TRUE(socket().execute(set_link(LinkRef::named("veth1"), join)));
  Monitor watch = monitor();
  LinkChange leave;
  leave.master = 0;
  ASSERT_TRUE(socket().execute(set_link(LinkRef::named("veth1"), leave)));  // RTM_DELLINK of family AF_BRIDGE
  ASSERT_TRUE(watch.update());
  ASSERT_NE(watch.links().find("veth1"), nullptr);
  EXPECT_EQ(watch.links().find("veth1")->master, std::nullopt);
}

TEST_F(MonitorTest, TimeOutTellsWhatWasWantedAndWhatWasSeenLast) {
  Monitor watch = monitor();
  const auto awaited = watch.wait_until(present("veth7"), "veth7 to appear", Deadline::after(10ms));
  ASSERT_FALSE(awaited);
  EXPECT_EQ(awaited.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(awaited.error().message(),
              HasSubstr("wait for veth7 to appear: not in time; last seen: lo <LOOPBACK> DOWN"));
}

TEST_F(MonitorTest, CanBeCancelled) {
  Monitor watch = monitor();
  const UniqueFd cancelled(::eventfd(1, EFD_CLOEXEC));
  const auto awaited = watch.wait_until(present("veth7"), "veth7", Deadline::never(), cancelled.get());
  ASSERT_FALSE(awaited);
  EXPECT_EQ(awaited.error().kind, ErrorKind::kCancelled);
}

TEST_F(MonitorTest, RereadsTheStateAfterAnOverflow) {
  UniqueFd events = home().raw_socket();
  Monitor watch = Monitor::adopt(std::move(events), home().raw_socket()).value();
  const int tiny = 2048;
  ASSERT_EQ(::setsockopt(watch.fd(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny), 0);
  for (int i = 0; i < 20; ++i) make_pair("a" + std::to_string(i), "b" + std::to_string(i));
  const auto awaited = watch.wait_until(present("a19"), "a19", Deadline::after(2s));
  EXPECT_TRUE(awaited) << awaited.error();
  EXPECT_EQ(watch.links().all().size(), 41U);
}

// What was still queued at the overflow is older than the state, and the news that would contradict it was dropped.
TEST_F(MonitorTest, ALinkThatWentDuringAnOverflowIsGone) {
  UniqueFd events = home().raw_socket();
  Monitor watch = Monitor::adopt(std::move(events), home().raw_socket()).value();
  make_pair("gone0", "gone1");  // queued
  const int tiny = 2048;
  ASSERT_EQ(::setsockopt(watch.fd(), SOL_SOCKET, SO_RCVBUF, &tiny, sizeof tiny), 0);
  for (int i = 0; i < 20; ++i) make_pair("a" + std::to_string(i), "b" + std::to_string(i));
  ASSERT_TRUE(socket().execute(delete_link(LinkRef::named("gone0"))));  // dropped
  ASSERT_TRUE(watch.update());
  EXPECT_EQ(watch.links().find("gone0"), nullptr) << watch.links().to_string();
  EXPECT_EQ(watch.links().find("gone1"), nullptr);
  EXPECT_EQ(watch.links().all().size(), 41U);
}

}  // namespace
}  // namespace netns_lab::netlink
