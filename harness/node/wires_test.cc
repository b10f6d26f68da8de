#include "harness/node/wires.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <future>

#include "harness/netlink/link.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/node/apply.h"
#include "harness/node/network_fixture.h"
#include "harness/node/part_1.h"

namespace netns_lab::node {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

// In place of a VLAN, which not every kernel has, a bridge that another one has made.
class MakeWhenLetGo : public NetworkFixture {
 protected:
  static constexpr auto kWanted = "link taken to be let go of";
  static std::vector<Change> taken() { return {CreateLink{"", "taken", "bridge"}}; }
  Result<void> make() {
    ++tries_;
    return apply_changes(handles(), taken());
  }
  int tries_ = 0;
};

TEST_F(MakeWhenLetGo, IsMadeAtOnceWhereNobodyHasIt) {
  const auto made = make_when_let_go([this] { return make(); }, kWanted, Deadline::passed_already());
  EXPECT_TRUE(made) << made.error();
  EXPECT_EQ(tries_, 1);
}

TEST_F(MakeWhenLetGo, WaitsUntilTheOtherHasLetGo) {
  NetworkHandles others = NetworkHandles::create().value();
  ASSERT_TRUE(apply_changes(others, taken()));
  std::future<Result<void>> letting_go;
  const auto made = make_when_let_go(
      [&] {
        auto tried = make();
        if (!letting_go.valid()) {
          EXPECT_FALSE(tried);
          letting_go = std::async(std::launch::async, [&others] {
            return apply_changes(others, {DeleteLink{"", "taken"}});
          });
        }
        return tried;
      },
      kWanted, Deadline::after(20s));
  EXPECT_TRUE(made) << made.error();
  EXPECT_TRUE(letting_go.get());
  EXPECT_GE(tries_, 2);
}

TEST_F(MakeWhenLetGo, SaysWhatItWaitedForWhenNobodyLetsGo) {
  ASSERT_TRUE(apply_changes(handles(), taken()));
  const auto made = make_when_let_go([this] { return make(); }, kWanted, Deadline::after(100ms));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::kTaken);
  EXPECT_THAT(made.error().message(), HasSubstr(kWanted));
}

// Waiting is for what is taken, for nothing else.
TEST_F(MakeWhenLetGo, AnotherErrorIsTheAnswer) {
  const auto made = make_when_let_go([]() -> Result<void> { return tl::unexpected(Error::system("make it", EPERM)); },
                                     kWanted, Deadline::after(20s));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().system_errno, EPERM);
}

}  // namespace
}  // namespace netns_lab::node
