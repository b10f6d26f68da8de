#include "harness/target/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/target/fake_node.h"
#include "harness/target/native.h"

namespace netns_lab {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;

struct UnknownCase {
  std::string name;
  std::string text;
  ErrorKind kind;
  std::string words;
};
std::ostream& operator<<(std::ostream& out, const UnknownCase& row) { return out << row.text; }

class UnusableTarget : public ::testing::TestWithParam<UnknownCase> {};

TEST_P(UnusableTarget, IsRefusedWithOneClearLine) {
  const auto loaded = load_target(GetParam().text);
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().kind, GetParam().kind);
  EXPECT_THAT(loaded.error().message(), HasSubstr(GetParam().words));
  EXPECT_EQ(loaded.error().message().find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Targets, UnusableTarget,
    ::testing::Values(UnknownCase{"Typo", "natve", ErrorKind::kInvalid,
                                  "target \"natve\": there is no such target; did you mean native?"},
                      UnknownCase{"Empty", "", ErrorKind::kInvalid, "there is no such target"},
                      UnknownCase{"Path", "/etc/passwd", ErrorKind::kInvalid, "did you mean script:/etc/passwd?"},
                      UnknownCase{"Strange", "xyzzy:x", ErrorKind::kInvalid, "netns-lab list targets"},
                      UnknownCase{"NativeWithArgument", "native:x", ErrorKind::kInvalid, "takes no argument"},
                      UnknownCase{"ScriptWithoutPath", "script", ErrorKind::kInvalid, "it names no script"},
                      UnknownCase{"MissingScript", "script:/nonexistent", ErrorKind::kInvalid,
                                  "no such file or folder"},
                      UnknownCase{"Cni", "cni:/opt/cni/bin/bridge", ErrorKind::kMissing, "cannot drive cni yet"},
                      UnknownCase{"Netavark", "netavark", ErrorKind::kMissing, "cannot drive netavark yet"}),
    [](const auto& row) { return row.param.name; });

TEST(Targets, KnownFormsAreListed) {
  EXPECT_THAT(known_targets(),
              ElementsAre(Key("native"), Key("script:PATH"), Key("cni:PATH-OR-CONFLIST"), Key("netavark[:PATH]")));
}

BuildTask native_task() {
  BuildTask task;
  task.topology.build = {CreateNamespace{"netns1"}};
  task.topology.tear_down = {DeleteNamespace{"netns1"}};
  Attachment attachment;
  attachment.network_namespace = "netns1";
  attachment.host_link = "veth1";
  attachment.container_link = "veth2";
  task.topology.attachments = {attachment};
  return task;
}

TEST(NativeTarget, AppliesTheTopologyAndWaitsForItsLinks) {
  const auto loaded = load_target("native");
  ASSERT_TRUE(loaded.has_value()) << loaded.error();
  EXPECT_EQ(loaded->target->name(), "native");
  EXPECT_THAT(loaded->target->families(), ElementsAre(Family::kIpv4, Family::kIpv6));
  test_support::FakeNode fake;
  const auto built = loaded->target->build(fake.node(), native_task());
  ASSERT_TRUE(built.has_value()) << built.error();
  EXPECT_TRUE(built->succeeded);
  const auto removed = loaded->target->tear_down(fake.node(), native_task());
  ASSERT_TRUE(removed.has_value()) << removed.error();
  EXPECT_TRUE(removed->succeeded);
  const auto& asked = fake.finish();
  ASSERT_THAT(asked, ElementsAre(Key("apply"), Key("await"), Key("apply")));
  EXPECT_EQ(asked[0].second.get<protocol::ApplyRequest>().changes, native_task().topology.build);
  const auto awaited = asked[1].second.get<protocol::AwaitRequest>();
  ASSERT_EQ(awaited.links.size(), 2U);
  EXPECT_EQ(awaited.links[0].link, "veth1");
  EXPECT_EQ(awaited.links[1].network_namespace, "netns1");
  EXPECT_EQ(asked[2].second.get<protocol::ApplyRequest>().changes, native_task().topology.tear_down);
}

TEST(NativeTarget, DoesManyChangesInPartsThatBeginWithANamespace) {
  BuildTask task = native_task();
  task.topology.build.clear();
  for (int i = 0; i < 300; ++i) {
    const std::string name = "netns" + std::to_string(i);
    SetLink raised;
    raised.network_namespace = name;
    raised.name = "lo";
    raised.up = true;
    task.topology.build.insert(task.topology.build.end(), {CreateNamespace{name}, raised, raised});
  }
  test_support::FakeNode fake;
  ASSERT_TRUE(NativeTarget().build(fake.node(), task));
  const auto& asked = fake.finish();
  ASSERT_THAT(asked, ElementsAre(Key("apply"), Key("apply"), Key("await")));
  std::vector<Change> all = asked[0].second.get<protocol::ApplyRequest>().changes;
  const std::vector<Change> second = asked[1].second.get<protocol::ApplyRequest>().changes;
  EXPECT_GE(all.size(), 512U);
  EXPECT_TRUE(std::holds_alternative<CreateNamespace>(second.front()));
  all.insert(all.end(), second.begin(), second.end());
  EXPECT_EQ(all, task.topology.build);
}

TEST(NativeTarget, ALinkThatDoesNotComeUpIsLeftToTheRequirements) {
  test_support::FakeNode fake({{"await", [](const nlohmann::json&) {
                                  return Result<nlohmann::json>(
                                      tl::unexpected(Error::timeout("await", "veth1 is down")));
                                }}});
  NativeTarget native;
  const auto outcome = native.build(fake.node(), native_task());
  ASSERT_TRUE(outcome.has_value()) << outcome.error();
  EXPECT_TRUE(outcome->succeeded);
}

TEST(NativeTarget, WhatTheKernelRefusesIsItsFailureAndALostLabIsAnError) {
  const auto answer = [](Error error) {
    return std::map<std::string, test_support::FakeNode::Answer>{
        {"apply", [error](const nlohmann::json&) { return Result<nlohmann::json>(tl::unexpected(error)); }}};
  };
  NativeTarget native;
  test_support::FakeNode refuses(answer(Error::system("create namespace netns1", EEXIST)));
  const auto refused = native.build(refuses.node(), native_task());
  ASSERT_TRUE(refused.has_value()) << refused.error();
  EXPECT_FALSE(refused->succeeded);
  EXPECT_THAT(refused->failure, HasSubstr("create namespace netns1: EEXIST"));
  test_support::FakeNode dies(answer(Error::lost("apply", "the agent died")));
  const auto lost = native.build(dies.node(), native_task());
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().kind, ErrorKind::kLost);
  test_support::FakeNode is_full(answer(Error::system("create namespace netns1", ENOSPC)));
  const auto full = native.build(is_full.node(), native_task());
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().system_errno, ENOSPC);
}

}  // namespace
}  // namespace netns_lab
