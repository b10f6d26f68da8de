#include "harness/node/host.h"

#include <dirent.h>
#include <unistd.h>

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/node/host_checks.h"
#include "harness/node/journal.h"
#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

using std::chrono::seconds;
using test::ask;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kJournals = "/run/netns-lab-test/journal";

// The machine of these tests is the test binary's own throw-away namespace.
std::string machine(const std::string& command) {
  FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "re");
  std::string output;
  char part[4096];
  for (std::size_t length = 0; pipe != nullptr && (length = std::fread(part, 1, sizeof part, pipe)) > 0;) output.append(part, length);
  if (pipe != nullptr) ::pclose(pipe);
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return output;
}

HostSpec shell() {
  HostSpec spec;
  spec.agent = test::serve_shell;
  spec.journal_directory = kJournals;
  spec.log = 2;
  return spec;
}

class Host : public ::testing::Test {
 protected:
  void SetUp() override {
    machine("ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up; ip addr add 192.0.2.77/24 dev up0");
  }
  void TearDown() override { machine("ip link delete up0; ip link delete br7; rm -rf /run/netns-lab-test"); }
};

TEST_F(Host, SharesTheMachinesNetwork) {
  const auto stream = start_host(shell());
  ASSERT_TRUE(stream) << stream.error();
  EXPECT_EQ(ask(*stream, "readlink /proc/self/ns/net").output, machine("readlink /proc/self/ns/net"));
  EXPECT_THAT(ask(*stream, "context").output, HasSubstr("provider host"));
  EXPECT_THAT(ask(*stream, "context").output, HasSubstr("uplink up0\naddress 192.0.2.77/24"));
}

TEST_F(Host, HasMountsAndProcessesOfItsOwn) {
  const auto stream = start_host(shell());
  ASSERT_TRUE(stream) << stream.error();
  EXPECT_EQ(ask(*stream, "ip netns add inside && ls /run/netns").output, "inside");
  EXPECT_THAT(machine("ls /run/netns/inside"), HasSubstr("No such file"));
  EXPECT_THAT(ask(*stream, "cat /proc/1/status").output, HasSubstr("Pid:\t1\n"));
  EXPECT_EQ(ask(*stream, "ls -A /home/ubuntu").output, "");
}

}  // namespace
}  // namespace netns_lab::node
