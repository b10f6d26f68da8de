#include "harness/probe/capture_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "harness/probe/prober.h"
#include "harness/probe/test_network.h"

namespace netns_lab::probe {
namespace {

bool link_exists(const std::string& network_namespace, const char* link) {
  const auto socket = test_socket(network_namespace, AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, link, IFNAMSIZ - 1);
  return ::ioctl(socket->get(), SIOCGIFINDEX, &request) == 0;
}

bool goes_away(const std::string& network_namespace, const char* link, Deadline deadline) {
  for (; !deadline.passed(); ::sched_yield()) {
    if (!link_exists(network_namespace, link)) return true;
  }
  return false;
}

EchoSpec watched() {
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(TestPair::kFar);
  spec.interval = std::chrono::microseconds(0);
  spec.reply_wait = std::chrono::milliseconds(200);
  spec.watch = {"far"};
  return spec;
}

TEST(CapturePool, KeepsADeletedNamespaceAliveUntilReleased) {
  TestPair pair;
  Prober prober(test_socket);
  const EchoSpec spec = watched();
  ASSERT_TRUE(prober.echo(std::span(&spec, 1)));
  ip("netns del far");
  EXPECT_FALSE(goes_away("near", "left", Deadline::after(std::chrono::milliseconds(300))))
      << "the capture no longer keeps the namespace: release() is not needed any more";
  prober.release("far");
  EXPECT_TRUE(prober.wait_released(Deadline::after(std::chrono::seconds(10))));
  EXPECT_TRUE(goes_away("near", "left", Deadline::after(std::chrono::seconds(10))));
}

TEST(CapturePool, LetsGoOfEverythingButTheNodesOwn) {
  CapturePool pool(test_socket);
  const TestNamespace one("one");
  ASSERT_TRUE(pool.get(""));
  ASSERT_TRUE(pool.get("one"));
  const Capture* own = *pool.get("");
  pool.release_named();
  EXPECT_TRUE(pool.wait_released(Deadline::after(std::chrono::seconds(10))));
  EXPECT_EQ(*pool.get(""), own);
}

TEST(CapturePool, LetsGoOfEverythingWhenNoMoreProbesCome) {
  const auto packet_sockets = [] {
    std::ifstream table("/proc/thread-self/net/packet");
    return std::count(std::istreambuf_iterator<char>(table), std::istreambuf_iterator<char>(), '\n') - 1;  // a headline
  };
  CapturePool pool(test_socket);
  ASSERT_TRUE(pool.get(""));
  EXPECT_EQ(packet_sockets(), 1);
  pool.release_all();
  EXPECT_TRUE(pool.wait_released(Deadline::after(std::chrono::seconds(10))));
  EXPECT_EQ(packet_sockets(), 0);
  EXPECT_TRUE(pool.get("")) << "another one, when it is asked for after all";
}

TEST(CapturePool, NoticesThatANameMeansAnotherNamespace) {
  CapturePool pool(test_socket);
  NamespaceIdentity before;
  {
    const TestNamespace one("one");
    before = (*pool.get("one"))->identity();
    EXPECT_EQ((*pool.get("one"))->identity(), before);
  }
  EXPECT_EQ(pool.get("one").error().system_errno, ENOENT);
  const TestNamespace again("one");
  const auto capture = pool.get("one");
  ASSERT_TRUE(capture) << capture.error();
  EXPECT_NE((*capture)->identity(), before);
}

TEST(Capture, CountsWhatItCouldNotKeep) {
  const TestPair pair;
  ReceiveBatch batch;
  auto capture = Capture::open(test_socket, "far");
  ASSERT_TRUE(capture) << capture.error();
  ASSERT_TRUE(capture->start(0, batch));
  const int small = 4096;
  ::setsockopt(capture->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  Prober prober(test_socket);
  EchoSpec spec = watched();
  spec.count = 200;
  spec.watch.clear();
  ASSERT_TRUE(prober.echo(std::span(&spec, 1)));
  std::size_t seen = 0;
  ASSERT_TRUE(capture->drain(batch, [&](const CapturedFrame&) { ++seen; }));
  EXPECT_GT(capture->drops().value(), 0U);
  EXPECT_GT(seen, 0U);
  ASSERT_TRUE(capture->start(0, batch));
  EXPECT_EQ(capture->drops().value(), 0U);
}

}  // namespace
}  // namespace netns_lab::probe
