#include "harness/lab/lab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <csignal>
#include <filesystem>

#include "harness/lab/fake_agent.h"

namespace netns_lab {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

Deadline soon() { return Deadline::after(seconds(10)); }

// Labs of a runtime directory of the test's own.
class LabTest : public testing::Test {
 protected:
  LabTest() {
    std::string pattern = testing::TempDir() + "lab-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    ::setenv("XDG_RUNTIME_DIR", folder_.c_str(), 1);
  }
  ~LabTest() override {
    static_cast<void>(destroy(spec_, {}, soon()));
    ::unsetenv("XDG_RUNTIME_DIR");
    std::filesystem::remove_all(folder_);
  }
  bool has_folder() const { return std::filesystem::exists(folder_ + "/netns-lab/lab"); }

  std::string folder_;
  LabSpec spec_{.provider = Provider::kSandbox, .name = "lab", .privileged = false};
};

TEST(Provider, IsParsedFromEveryNameItPrints) {
  ASSERT_THAT(known_providers(), SizeIs(4));
  for (const std::string& name : known_providers()) EXPECT_EQ(to_string(*parse_provider(name)), name);
}

TEST(Provider, UnknownOneIsAnsweredWithTheNearest) {
  const auto parsed = parse_provider("sandbax");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(parsed.error().message(), AllOf(HasSubstr("sandbax"), HasSubstr("did you mean sandbox?")));
}

TEST_F(LabTest, OpensAPrivateLabOnTheStreamsItIsGiven) {
  LabServices services;
  pid_t child = 0;
  services.start_private = [&child](const LabSpec&) -> Result<AgentStreams> {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return tl::unexpected(Error::internal("pair", ""));
    child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      FakeAgent().serve(UniqueFd(ends[1]));
      ::_exit(0);
    }
    ::close(ends[1]);
    AgentStreams streams;
    streams.node.reset(ends[0]);
    return streams;
  };
  spec_.name = "";
  {
    auto lab = Lab::open(spec_, services, soon());
    ASSERT_TRUE(lab) << lab.error();
    EXPECT_EQ(lab->node().hello().node, "node-1");
    EXPECT_FALSE(lab->has_outside());
    const auto outside = lab->outside(soon());
    ASSERT_FALSE(outside);
    EXPECT_EQ(outside.error().kind, ErrorKind::kMissing);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(LabTest, ANamedLabThatIsNotUpSaysHowToMakeIt) {
  const auto lab = Lab::open(spec_, {}, soon());
  ASSERT_FALSE(lab);
  EXPECT_EQ(lab.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(lab.error().message(), HasSubstr("netns-lab up --lab sandbox --name lab"));
}

TEST_F(LabTest, UpMakesALabOnceAndReusesItAfterwards) {
  const LabServices services = FakeAgent().services();
  const auto first = bring_up(spec_, services, soon());
  ASSERT_TRUE(first) << first.error();
  EXPECT_FALSE(first->reused);
  const auto second = bring_up(spec_, services, soon());
  ASSERT_TRUE(second) << second.error();
  EXPECT_TRUE(second->reused);
  EXPECT_TRUE(Lab::open(spec_, services, soon()));
}

TEST_F(LabTest, OfTwoUpsAtOnceOneMakesAndTheOtherReuses) {
  const LabServices services = FakeAgent().services();
  const pid_t other = ::fork();
  if (other == 0) {
    const auto up = bring_up(spec_, services, soon());
    ::_exit(!up ? 2 : up->reused ? 1 : 0);
  }
  const auto up = bring_up(spec_, services, soon());
  ASSERT_TRUE(up) << up.error();
  int status = 0;
  ASSERT_EQ(::waitpid(other, &status, 0), other);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), up->reused ? 0 : 1);
}

TEST_F(LabTest, OneNodeIsNotTakenForTwo) {
  const LabServices services = FakeAgent().services();
  ASSERT_TRUE(bring_up(spec_, services, soon()));
  LabSpec two = spec_;
  two.nodes = 2;
  for (const auto& refused : {Result<void>(Lab::open(two, services, soon()).map([](const Lab&) {})),
                              Result<void>(bring_up(two, services, soon()).map([](const UpReport&) {}))}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kTaken);
    EXPECT_THAT(refused.error().message(), AllOf(HasSubstr("up with 1 node;"), HasSubstr("2 are needed")));
  }
  EXPECT_EQ(nodes_of_named("lab"), 1);
  EXPECT_EQ(nodes_of_named("no-such-lab"), 1);
}

TEST(CheckNodes, TheHostHasOne) {
  LabSpec spec;
  spec.provider = Provider::kHost;
  spec.name = "lab";
  EXPECT_TRUE(check_nodes(spec));
  spec.nodes = 2;
  const auto checked = check_nodes(spec);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(checked.error().message(), AllOf(HasSubstr("a host lab has one node"), HasSubstr("--lab sandbox")));
}

TEST(CheckNodes, OfMachinesThereMayBeAny) {
  for (const Provider provider : {Provider::kQemu, Provider::kMultipass}) {
    LabSpec spec;
    spec.provider = provider;
    spec.nodes = 2;
    EXPECT_TRUE(check_nodes(spec));
    spec.name = "lab";
    EXPECT_TRUE(check_nodes(spec));
  }
}

TEST_F(LabTest, UpOfAnotherProviderIsRefused) {
  ASSERT_TRUE(bring_up(spec_, FakeAgent().services(), soon()));
  LabSpec other = spec_;
  other.provider = Provider::kHost;
  for (const Error& error :
       {bring_up(other, FakeAgent().services(), soon()).error(), Lab::open(other, {}, soon()).error()}) {
    EXPECT_EQ(error.kind, ErrorKind::kTaken);
    EXPECT_THAT(error.message(), HasSubstr("it is up with provider sandbox, not host"));
  }
}

TEST_F(LabTest, ADeadLabIsReplaced) {
  ASSERT_TRUE(bring_up(spec_, FakeAgent().services(), soon()));
  const auto labs = named_labs();
  ASSERT_TRUE(labs) << labs.error();
  ASSERT_THAT(*labs, SizeIs(1));
  const auto connection = connect_to(folder_ + "/netns-lab/lab/node.sock");
  const auto listener = listener_of(*connection);
  ASSERT_TRUE(listener);
  EXPECT_EQ(listener->pid, labs->front().pid);
  ASSERT_EQ(::kill(listener->pid, SIGKILL), 0);
  ASSERT_TRUE(await_end(*listener, soon()));
  EXPECT_THAT(named_labs()->front().state, Not(testing::Eq("up")));
  const auto up = bring_up(spec_, FakeAgent().services(), soon());
  ASSERT_TRUE(up) << up.error();
  EXPECT_FALSE(up->reused);
  EXPECT_THAT(up->replaced, HasSubstr("nobody listens there any more"));
}

TEST_F(LabTest, AnAgentOfAnotherBuildIsReplaced) {
  FakeAgent old;
  old.build = "another";
  std::filesystem::create_directories(folder_ + "/netns-lab/lab");
  old.listen_in(folder_ + "/netns-lab/lab");
  const auto up = bring_up(spec_, FakeAgent().services(), soon());
  ASSERT_TRUE(up) << up.error();
  EXPECT_FALSE(up->reused);
  EXPECT_THAT(up->replaced, Not(IsEmpty()));
}

TEST_F(LabTest, WhatCannotBeStartedLeavesNothing) {
  LabServices services;
  services.start_named = [](const LabSpec&, const std::string&) -> Result<void> {
    return tl::unexpected(Error::missing("make a user namespace", "the quota is used up"));
  };
  const auto up = bring_up(spec_, services, soon());
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().kind, ErrorKind::kMissing);
  EXPECT_FALSE(has_folder());
}

// Whoever made the socket is who listens at it until an agent does: here that is this very process, which must live on.
TEST_F(LabTest, AStartThatFailsWithTheSocketStillOpenEndsNobody) {
  UniqueFd kept;
  LabServices services;
  services.start_named = [&](const LabSpec&, const std::string& folder) -> Result<void> {
    kept = *listen_at(folder + "/" + kNodeSocket);
    return tl::unexpected(Error::system("make a PID namespace", EPERM));
  };
  const auto up = bring_up(spec_, services, soon());
  ASSERT_FALSE(up);
  EXPECT_THAT(up.error().message(), HasSubstr("make a PID namespace"));
  EXPECT_THAT(*named_labs(), IsEmpty());
}

TEST_F(LabTest, DestroyEndsTheLabAndLeavesNothing) {
  ASSERT_TRUE(bring_up(spec_, FakeAgent().services(), soon()));
  const auto connection = connect_to(folder_ + "/netns-lab/lab/node.sock");
  const auto listener = listener_of(*connection);
  ASSERT_TRUE(listener);
  // The fake serves one session at a time.
  UniqueFd released(::dup(connection->get()));
  ::shutdown(connection->get(), SHUT_RDWR);
  const auto destroyed = destroy(spec_, {}, soon());
  ASSERT_TRUE(destroyed) << destroyed.error();
  EXPECT_TRUE(await_end(*listener, Deadline::after(seconds(1))));
  EXPECT_FALSE(has_folder());
}

TEST_F(LabTest, DestroyKillsAnAgentThatDoesNotObey) {
  FakeAgent stubborn;
  stubborn.obeys_shutdown = false;
  ASSERT_TRUE(bring_up(spec_, stubborn.services(), soon()));
  const auto destroyed = destroy(spec_, {}, Deadline::after(seconds(3)));
  ASSERT_TRUE(destroyed) << destroyed.error();
  EXPECT_FALSE(has_folder());
}

TEST_F(LabTest, DestroyUndoesWhatADeadLabLeft) {
  ASSERT_TRUE(bring_up(spec_, FakeAgent().services(), soon()));
  bool recovered = false;
  LabServices services;
  services.recover = [&recovered](const LabSpec& spec) -> Result<void> {
    recovered = spec.provider == Provider::kSandbox;
    return {};
  };
  ASSERT_TRUE(destroy(spec_, services, soon()));
  EXPECT_TRUE(recovered);
}

TEST_F(LabTest, DestroyOfALabThatIsNotThereSaysSo) {
  const auto destroyed = destroy(spec_, {}, soon());
  ASSERT_FALSE(destroyed);
  EXPECT_EQ(destroyed.error().kind, ErrorKind::kMissing);
}

TEST_F(LabTest, ThereAreNoLabsAtFirst) { EXPECT_THAT(*named_labs(), IsEmpty()); }

}  // namespace
}  // namespace netns_lab
