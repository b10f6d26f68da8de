// In a sandbox's node: what stands in a snapshot for the sysctls of a pristine namespace is what is in one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "harness/node/agent_fixture.h"
#include "harness/node/sandbox.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {
namespace {

class NewNodeSysctlsTest : public ::testing::Test {
 protected:
  NewNodeSysctlsTest() {
    SandboxSpec spec;
    spec.node_agent = serve_stream;
    spec.outside_agent = serve_stream;
    auto started = start_sandbox(spec);
    if (!started) throw std::runtime_error(started.error().message());
    outside_ = std::move(started->outside);
    tester_ = std::make_unique<Tester>(std::move(started->node));
    static_cast<void>(ask(protocol::HelloRequest{.build = build_id()}));
  }
  template <typename Request>
  typename Request::Reply ask(const Request& request) {
    return tester_->ask(request).value();
  }
  Snapshot look(bool pristine) {
    protocol::SnapshotRequest request;
    request.options.all_sysctls = true;
    request.options.pristine = pristine;
    return ask(request);
  }
  void arrange(std::vector<Change> changes) { ask(protocol::ApplyRequest{.changes = std::move(changes)}); }

 private:
  UniqueFd outside_;
  std::unique_ptr<Tester> tester_;
};

std::vector<Change> changed_container() {
  return {CreateNamespace{"c"}, SetSysctl{"c", "net.ipv4.ip_forward", "1"},
          SetSysctl{"c", "net.ipv4.tcp_retries1", "7"}, SetSysctl{"c", "net.ipv4.conf.default.rp_filter", "2"},
          SetSysctl{"c", "net.ipv6.conf.default.mtu", "1400"}};
}

// The second lab has been changed before it was first looked at, so that everything is read there.
TEST_F(NewNodeSysctlsTest, APristineNamespaceIsToldAsItIsReadInFull) {
  look(false);
  arrange(changed_container());
  const Sysctls told = look(true).pristine->sysctls;
  EXPECT_EQ(told.at("net.ipv4.tcp_retries1"), "3");
  EXPECT_EQ(told.count("net.ipv4.conf.lo.forwarding"), 1U);
  EXPECT_GT(told.size(), 300U);

  class Another : public NewNodeSysctlsTest {
   public:
    void TestBody() override {}
    Sysctls in_full() {
      arrange({CreateNamespace{"first"}});
      look(false);
      arrange(changed_container());
      return look(true).pristine->sysctls;
    }
  };
  EXPECT_EQ(told, Another().in_full());
}

TEST_F(NewNodeSysctlsTest, WhatWasChangedOnTheNodeBeforeItWasLookedAtIsNotTakenForNew) {
  arrange({SetSysctl{"", "net.ipv4.tcp_retries1", "9"}});
  look(false);
  EXPECT_EQ(look(true).pristine->sysctls.at("net.ipv4.tcp_retries1"), "3");
}

TEST_F(NewNodeSysctlsTest, WhatIsChangedOnTheNodeLaterIsNotTakenForNew) {
  look(false);
  arrange({SetSysctl{"", "net.ipv4.tcp_retries1", "9"}});
  look(false);
  EXPECT_EQ(look(true).pristine->sysctls.at("net.ipv4.tcp_retries1"), "3");
}

}  // namespace
}  // namespace netns_lab::node
