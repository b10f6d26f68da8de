#include "harness/lab/multipass/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace netns_lab::multipass {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

// Asked before main(): in a chroot the process has another root afterwards (harness/netns/own_root.h).
const std::filesystem::path& build_folder() {
  static const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  return folder;
}
[[maybe_unused]] const std::filesystem::path& kBeforeMain = build_folder();

// An answer of fixtures/multipass, found above the test's binary.
std::string answer(const std::string& file) {
  for (auto at = build_folder(); at.has_relative_path(); at = at.parent_path()) {
    std::ifstream stream(at / "fixtures/multipass" / file);
    if (stream) return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }
  throw std::runtime_error("there is no fixtures/multipass/" + file + " above the test's binary");
}

std::string name_of_release(const testing::TestParamInfo<const char*>& info) {
  std::string name = std::string("Release") + info.param;
  for (char& letter : name) {
    if (letter == '.') letter = '_';
  }
  return name;
}

class AnswersOf : public testing::TestWithParam<const char*> {
 protected:
  std::string said(const std::string& file) const { return answer(std::string(GetParam()) + "/" + file); }
};

TEST_P(AnswersOf, ARunningInstanceIsToldInFull) {
  const auto instance = parse_info("netns-lab", said("info-running.json"));
  ASSERT_TRUE(instance.has_value()) << instance.error();
  EXPECT_THAT(*instance, Optional(Instance{.name = "netns-lab",
                                           .state = InstanceState::kRunning,
                                           .state_text = "Running",
                                           .release = "Ubuntu 22.04.3 LTS",
                                           .ipv4 = {"10.201.33.17"},
                                           .memory_total = 1'024'466'944,
                                           .disk_total = 5'115'789'312}));
}

TEST_P(AnswersOf, AStoppedInstanceIsUnderstoodWithoutWhatOnlyARunningOneHas) {
  const auto instance = parse_info("netns-lab", said("info-stopped.json"));
  ASSERT_TRUE(instance.has_value()) << instance.error();
  EXPECT_THAT(*instance, Optional(Instance{.name = "netns-lab",
                                           .state = InstanceState::kStopped,
                                           .state_text = "Stopped",
                                           .release = "",
                                           .ipv4 = {},
                                           .memory_total = {},
                                           .disk_total = {}}));
}

TEST_P(AnswersOf, ADeletedInstanceIsStillThere) {
  const auto instance = parse_info("netns-lab", said("info-deleted.json"));
  ASSERT_TRUE(instance.has_value()) << instance.error();
  EXPECT_THAT(*instance, Optional(Field(&Instance::state, InstanceState::kDeleted)));
}

TEST_P(AnswersOf, AnInstanceThatIsNotSpokenOfIsNotThere) {
  const auto instance = parse_info("other", said("info-running.json"));
  ASSERT_TRUE(instance.has_value()) << instance.error();
  EXPECT_EQ(*instance, std::nullopt);
}

TEST_P(AnswersOf, AListHasEveryInstance) {
  const auto instances = parse_list(said("list.json"));
  ASSERT_TRUE(instances.has_value()) << instances.error();
  EXPECT_THAT(*instances,
              ElementsAre(AllOf(Field(&Instance::name, "netns-lab"), Field(&Instance::state, InstanceState::kRunning),
                                Field(&Instance::ipv4, ElementsAre("10.201.33.17"))),
                          AllOf(Field(&Instance::name, "primary"), Field(&Instance::ipv4, IsEmpty()))));
}

TEST_P(AnswersOf, TheVersionTellsWhetherTheDaemonAnswers) {
  const auto with = parse_version(said("version.json"));
  ASSERT_TRUE(with.has_value()) << with.error();
  EXPECT_THAT(with->client, HasSubstr(GetParam()));
  EXPECT_EQ(with->daemon, with->client);
  const auto without = parse_version(said("version-without-daemon.json"));
  ASSERT_TRUE(without.has_value()) << without.error();
  EXPECT_EQ(*without, (Version{.client = with->client, .daemon = std::nullopt}));
}

INSTANTIATE_TEST_SUITE_P(Releases, AnswersOf, testing::Values("1.10", "1.13", "1.16"), &name_of_release);

struct StateRow {
  const char* name;
  const char* word;
  InstanceState want;
};
class States : public testing::TestWithParam<StateRow> {};

TEST_P(States, AreKnownByTheirWord) {
  const auto instance =
      parse_info("x", std::string(R"({"info":{"x":{"state":")") + GetParam().word + R"(","new key":[1]}}})");
  ASSERT_TRUE(instance.has_value()) << instance.error();
  ASSERT_TRUE(instance->has_value());
  EXPECT_EQ((*instance)->state, GetParam().want);
  EXPECT_EQ((*instance)->state_text, GetParam().word);
}

INSTANTIATE_TEST_SUITE_P(Words, States,
                         testing::Values(StateRow{"Running", "Running", InstanceState::kRunning},
                                         StateRow{"Stopped", "Stopped", InstanceState::kStopped},
                                         StateRow{"Deleted", "Deleted", InstanceState::kDeleted},
                                         StateRow{"Starting", "Starting", InstanceState::kStarting},
                                         StateRow{"Restarting", "Restarting", InstanceState::kRestarting},
                                         StateRow{"DelayedShutdown", "Delayed Shutdown",
                                                  InstanceState::kDelayedShutdown},
                                         StateRow{"Suspending", "Suspending", InstanceState::kSuspending},
                                         StateRow{"Suspended", "Suspended", InstanceState::kSuspended},
                                         StateRow{"Unavailable", "Unavailable", InstanceState::kUnavailable},
                                         StateRow{"Unknown", "Unknown", InstanceState::kUnknown},
                                         StateRow{"OfALaterRelease", "Hibernating", InstanceState::kUnknown}),
                         [](const auto& row) { return row.param.name; });

// Whatever multipass says that is not an answer is an error that shows it, never a missing instance.
struct BadRow {
  const char* name;
  const char* said;
  const char* shown;
};
std::string name_of_bad(const testing::TestParamInfo<BadRow>& info) { return info.param.name; }

class BadInfo : public testing::TestWithParam<BadRow> {};
TEST_P(BadInfo, IsAnErrorThatShowsIt) {
  const auto instance = parse_info("x", GetParam().said);
  ASSERT_FALSE(instance.has_value());
  EXPECT_EQ(instance.error().kind, ErrorKind::kInternal);
  EXPECT_THAT(instance.error().message(), AllOf(HasSubstr("multipass info"), HasSubstr(GetParam().shown)));
}
INSTANTIATE_TEST_SUITE_P(Rows, BadInfo,
                         testing::Values(BadRow{"Nothing", "", "info"}, BadRow{"NotJson", "Name: x", "Name: x"},
                                         BadRow{"CutInTheMiddle", R"({"info":{"x":{"sta)", "{\"info\""},
                                         BadRow{"ABareWord", "null", "no object \"info\""},
                                         BadRow{"AnArray", "[1]", "no object \"info\""},
                                         BadRow{"NoInfo", R"({"errors":[]})", "no object \"info\""},
                                         BadRow{"InfoIsAnArray", R"({"info":[]})", "no object \"info\""},
                                         BadRow{"InstanceIsNoObject", R"({"info":{"x":7}})", "state of x"},
                                         BadRow{"NoState", R"({"info":{"x":{}}})", "state of x"},
                                         BadRow{"StateIsANumber", R"({"info":{"x":{"state":3}}})", "state of x"},
                                         BadRow{"StateIsEmpty", R"({"info":{"x":{"state":""}}})", "state of x"}),
                         &name_of_bad);

class BadList : public testing::TestWithParam<BadRow> {};
TEST_P(BadList, IsAnErrorThatShowsIt) {
  const auto instances = parse_list(GetParam().said);
  ASSERT_FALSE(instances.has_value());
  EXPECT_EQ(instances.error().kind, ErrorKind::kInternal);
  EXPECT_THAT(instances.error().message(), AllOf(HasSubstr("multipass list"), HasSubstr(GetParam().shown)));
}
INSTANTIATE_TEST_SUITE_P(Rows, BadList,
                         testing::Values(BadRow{"Nothing", "", "list"}, BadRow{"NoList", "{}", "no array \"list\""},
                                         BadRow{"ListIsAnObject", R"({"list":{}})", "no array \"list\""},
                                         BadRow{"NoName", R"({"list":[{"state":"Running"}]})", "no name"},
                                         BadRow{"NoState", R"({"list":[{"name":"x"}]})", "no state"},
                                         BadRow{"ANumber", R"({"list":[1]})", "no name"}),
                         &name_of_bad);

class BadVersion : public testing::TestWithParam<BadRow> {};
TEST_P(BadVersion, IsAnErrorThatShowsIt) {
  const auto version = parse_version(GetParam().said);
  ASSERT_FALSE(version.has_value());
  EXPECT_EQ(version.error().kind, ErrorKind::kInternal);
  EXPECT_THAT(version.error().message(), AllOf(HasSubstr("multipass version"), HasSubstr(GetParam().shown)));
}
INSTANTIATE_TEST_SUITE_P(Rows, BadVersion,
                         testing::Values(BadRow{"Nothing", "", "version"},
                                         BadRow{"Text", "multipass  1.13.1+mac", "1.13.1+mac"},
                                         BadRow{"NoClient", R"({"multipassd":"1.13.1"})", "1.13.1"},
                                         BadRow{"ClientIsANumber", R"({"multipass":1.13})", "1.13"}),
                         &name_of_bad);

struct NumberRow {
  const char* name;
  const char* total;
  std::optional<std::uint64_t> want;
};
class Numbers : public testing::TestWithParam<NumberRow> {};
TEST_P(Numbers, AreTakenInEitherFormAndOthersAreNone) {
  const auto instance =
      parse_info("x", std::string(R"({"info":{"x":{"state":"Running","memory":{"total":)") + GetParam().total + "}}}}");
  ASSERT_TRUE(instance.has_value()) << instance.error();
  ASSERT_TRUE(instance->has_value());
  EXPECT_EQ((*instance)->memory_total, GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(Forms, Numbers,
                         testing::Values(NumberRow{"Number", "17", 17}, NumberRow{"Text", R"("17")", 17},
                                         NumberRow{"EmptyText", R"("")", std::nullopt},
                                         NumberRow{"Words", R"("1.0GiB")", std::nullopt},
                                         NumberRow{"Negative", "-1", std::nullopt},
                                         NumberRow{"TooLarge", R"("99999999999999999999")", std::nullopt},
                                         NumberRow{"Null", "null", std::nullopt}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::multipass
