#include "harness/node/capabilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <set>

#include "harness/netlink/link.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netns/mount_table.h"
#include "harness/node/capabilities_child.h"

namespace netns_lab::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(Capabilities, WhatASandboxNeedsIsHere) {
  const std::vector<Capability> found = probe_capabilities();
  ASSERT_GE(found.size(), 10u);
  for (const Capability& capability : found) {
    if (capability.required) {
      EXPECT_TRUE(capability.ok) << capability.name << ": " << capability.seen << "; " << capability.remedy;
    }
  }
}

TEST(Capabilities, EachHasAnOwnNameAndSaysWhatWasSeen) {
  std::set<std::string> names;
  for (const Capability& capability : probe_capabilities()) {
    EXPECT_TRUE(names.insert(capability.name).second) << capability.name;
    EXPECT_NE(capability.seen, "") << capability.name;
    EXPECT_NE(capability.needed_for, "") << capability.name;
    EXPECT_EQ(capability.ok, capability.remedy.empty()) << capability.name << ": " << capability.remedy;
  }
}

TEST(Capabilities, NothingIsLeftBehind) {
  const auto names = [] {
    auto socket = netlink::NetlinkSocket::open(netlink::Protocol::kRoute);
    std::vector<std::string> found;
    const std::vector<Link> links = netlink::list_links(*socket).value();
    for (const Link& link : links) found.push_back(link.name);
    return found;
  };
  const auto mounts = [] {
    const MountTable table = MountTable::read().value();
    return table.entries();
  };
  const std::vector<std::string> links_before = names();
  const auto mounts_before = mounts();
  probe_capabilities();
  EXPECT_EQ(names(), links_before);
  EXPECT_EQ(mounts(), mounts_before);
}

TEST(TryInChild, ReturnsWhatWasSeen) {
  const auto seen = try_in_child(
      0, [] { return Result<std::string>("a unicorn"); }, Deadline::after(seconds(10)));
  ASSERT_TRUE(seen) << seen.error();
  EXPECT_EQ(*seen, "a unicorn");
}

TEST(TryInChild, ReturnsTheError) {
  const Error error = Error::system("catch a unicorn", ENOENT, "none here");
  const auto seen = try_in_child(
      0, [&]() -> Result<std::string> { return tl::unexpected(error); }, Deadline::after(seconds(10)));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error(), error);
}

TEST(TryInChild, IsLostWhenTheChildDies) {
  const auto seen = try_in_child(
      0,
      []() -> Result<std::string> {
        ::raise(SIGKILL);
        return std::string();
      },
      Deadline::after(seconds(10)));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, ErrorKind::kLost);
}

TEST(TryInChild, GivesUpAtItsDeadline) {
  const auto seen = try_in_child(
      0,
      []() -> Result<std::string> {
        ::pause();
        return std::string();
      },
      Deadline::after(milliseconds(20)));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, ErrorKind::kTimeout);
}

TEST(TryInChild, IsRootOfTheNewNamespaces) {
  const auto seen = try_in_child(
      CLONE_NEWPID | CLONE_NEWNET,
      [] { return Result<std::string>(std::to_string(::getpid()) + " " + std::to_string(::getuid())); },
      Deadline::after(seconds(10)));
  ASSERT_TRUE(seen) << seen.error();
  EXPECT_EQ(*seen, "1 0");
}

}  // namespace
}  // namespace netns_lab::node
