#include "reports/junit.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <pugixml.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "harness/model/samples.h"
#include "reports/junit_case.h"

namespace netns_lab::reports {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "junit-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  fs::path operator/(const char* name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The schema stands in the source tree, of which the build folder is a part.
fs::path schema() {
  for (fs::path folder = fs::read_symlink("/proc/self/exe").parent_path(); folder != folder.root_path();
       folder = folder.parent_path()) {
    if (fs::exists(folder / "reports/junit.xsd")) return folder / "reports/junit.xsd";
  }
  return fs::absolute(fs::path(__FILE__).parent_path() / "junit.xsd");
}

// "" when xmllint finds the document valid, else what it says. Without xmllint (Debian: libxml2-utils) this fails:
// ci/bootstrap installs it.
std::string validate(const std::string& text) {
  const Folder folder;
  std::ofstream(folder / "junit.xml", std::ios::binary) << text;
  const std::string said = (folder / "said").string();
  std::vector<std::string> arguments{"xmllint",  "--noout",         "--nonet",
                                     "--schema", schema().string(), (folder / "junit.xml").string()};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, said.c_str(), O_WRONLY | O_CREAT, 0600);
  pid_t child = 0;
  const int spawned = ::posix_spawnp(&child, "xmllint", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) return "xmllint cannot be started: " + errno_name(spawned) + "; apt-get install libxml2-utils";
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return "waitpid failed";
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return "xmllint: " + read_all(said) + "\n" + text;
}

WorkerStarted worker(int number, const char* target = "native") {
  WorkerStarted started;
  started.worker = number;
  started.scenario = "single-namespace";
  started.target = target;
  started.family = "IPv4";
  started.lab = "sandbox";
  started.kernel = "6.18.0";
  return started;
}
CaseStarted case_started(const char* name, int of = 0) {
  CaseStarted started;
  started.worker = of;
  started.suite = "Suite";
  started.name = name;
  started.file = "suites/a_test.cc";
  started.line = 7;
  return started;
}
CaseEnded case_ended(const char* name, Verdict verdict, const std::string& message = "", int of = 0) {
  CaseEnded ended;
  ended.worker = of;
  ended.suite = "Suite";
  ended.name = name;
  ended.verdict = verdict;
  ended.message = message;
  ended.file = "suites/a_test.cc";
  ended.line = 9;
  ended.duration = std::chrono::microseconds(1500);
  return ended;
}
WorkerEnded worker_ended(ExitStatus status = ExitStatus::kConformant, const char* message = "", int of = 0) {
  WorkerEnded ended;
  ended.worker = of;
  ended.status = status;
  ended.message = message;
  return ended;
}
RunEnded run_ended(ExitStatus status = ExitStatus::kConformant, const char* message = "") {
  RunEnded ended;
  ended.status = status;
  ended.message = message;
  return ended;
}

pugi::xml_document parse(const std::string& text) {
  pugi::xml_document document;
  const pugi::xml_parse_result result =
      document.load_buffer(text.data(), text.size(), pugi::parse_default | pugi::parse_ws_pcdata_single);
  EXPECT_TRUE(result) << result.description() << " in\n" << text;
  return document;
}
pugi::xml_node find_case(const pugi::xml_document& document, const char* name) {
  return document.select_node(("//testcase[@name='" + std::string(name) + "']").c_str()).node();
}

struct Moment {
  const char* name;
  std::vector<RunEvent> events;
  const char* tests;
  const char* failures;
  const char* errors;
  const char* skipped;
};
class JunitDocumentAt : public ::testing::TestWithParam<Moment> {};
TEST_P(JunitDocumentAt, IsValidAndCountsWhatItHolds) {
  const std::string text = junit_text(GetParam().events);
  EXPECT_EQ(validate(text), "");
  const pugi::xml_document document = parse(text);
  const pugi::xml_node root = document.child("testsuites");
  EXPECT_STREQ(root.attribute("tests").value(), GetParam().tests);
  EXPECT_STREQ(root.attribute("failures").value(), GetParam().failures);
  EXPECT_STREQ(root.attribute("errors").value(), GetParam().errors);
  EXPECT_STREQ(root.attribute("skipped").value(), GetParam().skipped);
  EXPECT_EQ(std::to_string(document.select_nodes("//testcase").size()), GetParam().tests);
  EXPECT_EQ(std::to_string(document.select_nodes("//testcase/failure").size()), GetParam().failures);
  EXPECT_EQ(std::to_string(document.select_nodes("//testcase/error").size()), GetParam().errors);
  EXPECT_EQ(std::to_string(document.select_nodes("//testcase/skipped").size()), GetParam().skipped);
}
INSTANTIATE_TEST_SUITE_P(
    EveryMoment, JunitDocumentAt,
    ::testing::Values(
        Moment{"BeforeAnything", {}, "1", "0", "1", "0"},
        Moment{"WorkerStarted", {RunStarted{}, worker(0)}, "1", "0", "1", "0"},
        Moment{"CaseRunning", {worker(0), case_started("A")}, "1", "0", "1", "0"},
        Moment{"BetweenTwoCases", {worker(0), case_started("A"), case_ended("A", Verdict::kPass)}, "2", "0", "1", "0"},
        Moment{"TwoWorkersRunning",
               {worker(0), worker(1), case_started("A"), case_started("A", 1), case_ended("A", Verdict::kPass)},
               "3",
               "0",
               "2",
               "0"},
        Moment{"WorkersEndedRunNot", {worker(0), case_ended("A", Verdict::kPass), worker_ended()}, "2", "0", "1", "0"},
        Moment{"Ended", {worker(0), case_ended("A", Verdict::kPass), worker_ended(), run_ended()}, "1", "0", "0", "0"},
        Moment{"EveryVerdict",
               {worker(0), case_ended("A", Verdict::kPass), case_ended("B", Verdict::kFail, "b"),
                case_ended("C", Verdict::kError, "c"), case_ended("D", Verdict::kSkip, "d"),
                case_ended("E", Verdict::kKnownFailure, "e"), worker_ended(), run_ended(ExitStatus::kNotConformant)},
               "5",
               "1",
               "1",
               "2"},
        Moment{
            "LabLostBeforeAnyWorker", {RunStarted{}, run_ended(ExitStatus::kLabMissing, "no lab")}, "1", "0", "1", "0"},
        Moment{"WorkerKilledBetweenCases",
               {worker(0), case_ended("A", Verdict::kPass),
                worker_ended(ExitStatus::kHarnessBroke, "killed by SIGKILL"), run_ended(ExitStatus::kHarnessBroke)},
               "2",
               "0",
               "1",
               "0"},
        Moment{"CaseOfAnUnknownWorker",
               {case_ended("A", Verdict::kPass, "", 5), worker_ended(ExitStatus::kConformant, "", 5), run_ended()},
               "1",
               "0",
               "0",
               "0"},
        Moment{"SameWorkerAndCaseTwice",
               {worker(0), worker(1), case_ended("A", Verdict::kPass), case_ended("A", Verdict::kPass),
                case_ended("A", Verdict::kPass, "", 1), worker_ended(), worker_ended(ExitStatus::kConformant, "", 1),
                run_ended()},
               "3",
               "0",
               "0",
               "0"},
        Moment{"AllOfTheSamples", samples::run(), "1", "1", "0", "0"}),
    [](const ::testing::TestParamInfo<Moment>& row) { return row.param.name; });

TEST(JunitDocument, RunningCaseIsAnErrorThatSaysSo) {
  const pugi::xml_document document = parse(junit_text(std::vector<RunEvent>{worker(0), case_started("A")}));
  const pugi::xml_node error = find_case(document, "Suite.A").child("error");
  EXPECT_STREQ(error.attribute("type").value(), "not-finished");
  EXPECT_STREQ(error.text().get(), "was running when the harness ended");
}
TEST(JunitDocument, CaseOfAKilledWorkerNamesTheKill) {
  const pugi::xml_document document = parse(junit_text(
      std::vector<RunEvent>{worker(0), case_started("A"), worker_ended(ExitStatus::kHarnessBroke, "killed by SIGKILL"),
                            run_ended(ExitStatus::kHarnessBroke)}));
  const pugi::xml_node error = find_case(document, "Suite.A").child("error");
  EXPECT_STREQ(error.attribute("type").value(), "harness");
  EXPECT_STREQ(error.text().get(), "was running when its worker ended: killed by SIGKILL");
}

// A list of failures shows this attribute alone.
TEST(JunitDocument, AFailuresHeadlineIsItsFirstFinding) {
  const auto headline = [](const std::string& message) {
    CaseEnded ended;
    ended.verdict = Verdict::kFail;
    ended.message = message;
    const std::string text = ended_case({"scenario.target.IPv4", "Suite.A"}, ended, WorkerStarted());
    pugi::xml_document document;
    document.load_string(text.c_str());
    return std::string(document.child("testcase").child("failure").attribute("message").value());
  };
  EXPECT_EQ(headline("Value of: *state(con())\nExpected: has a link lo\n  Actual: namespace netns1\n- lo is down"),
            "lo is down");
  EXPECT_EQ(headline("Failed\nveth1's peer should be in namespace netns1"),
            "veth1's peer should be in namespace netns1");
  EXPECT_EQ(
      headline("Value of: build_outcome().succeeded\n  Actual: false\nExpected: true\nsetup.sh exited with status 1"),
      "setup.sh exited with status 1");
  EXPECT_EQ(headline("expected: a route\nseen: none"), "expected: a route");
  EXPECT_EQ(headline("Value of: echo"), "Value of: echo");
  EXPECT_EQ(headline("Value of: echo\n  - 3 of 3: no reply\nWhy: veth2 is down"), "veth2 is down") << "the cause first";
}

TEST(JunitDocument, FailureHoldsOneCombinedMessageAndItsPlace) {
  const pugi::xml_document document = parse(junit_text(samples::run()));
  const pugi::xml_node testcase = find_case(document, "SingleNamespace.HostRouteExists");
  EXPECT_STREQ(testcase.attribute("classname").value(), "single-namespace.native.IPv4");
  EXPECT_STREQ(testcase.attribute("file").value(), "suites/single-namespace/routes_test.cc");
  EXPECT_STREQ(testcase.attribute("line").value(), "24");
  EXPECT_STREQ(testcase.attribute("time").value(), "0.000120");
  EXPECT_STREQ(testcase.child("failure").attribute("message").value(), "expected: a route 10.200.1.1/32 dev veth1");
  EXPECT_THAT(testcase.child("failure").text().get(),
              HasSubstr("seen: no route to 10.200.1.1\n\nEvidence:\nthe node's own namespace"));
  EXPECT_THAT(testcase.child("system-out").text().get(), HasSubstr("[[ATTACHMENT|captures/host-route.pcap]]"));
}
TEST(JunitDocument, PropertiesNameWhatWasJudgedAndWhere) {
  const std::string text = junit_text(samples::run());
  for (const char* property :
       {R"(name="requirement" value="single-namespace.host-route")", R"(name="level" value="MUST")",
        R"(name="verdict" value="fail")", R"(name="target" value="native")", R"(name="lab" value="sandbox")",
        R"(name="kernel" value="6.18.0")", R"(name="family" value="IPv4")", R"(name="parameter.CON" value="netns1")"}) {
    EXPECT_THAT(text, HasSubstr(property));
  }
}
TEST(JunitDocument, FailOfALowerLevelIsToldButIsNoFailure) {
  CaseEnded ended = case_ended("A", Verdict::kFail, "no");
  ended.level = Level::kShould;
  const std::string text = junit_text(std::vector<RunEvent>{worker(0), ended, worker_ended(), run_ended()});
  EXPECT_EQ(validate(text), "");
  const pugi::xml_document document = parse(text);
  const pugi::xml_node testcase = find_case(document, "Suite.A");
  EXPECT_FALSE(testcase.child("failure"));
  EXPECT_THAT(testcase.child("system-out").text().get(),
              HasSubstr("SHOULD not met (it does not make the run fail): no"));
  EXPECT_STREQ(document.child("testsuites").attribute("failures").value(), "0");
}
TEST(JunitDocument, KnownFailureIsSkippedWithItsReason) {
  const pugi::xml_document document =
      parse(junit_text(std::vector<RunEvent>{worker(0), case_ended("A", Verdict::kKnownFailure, "issue 540")}));
  EXPECT_STREQ(find_case(document, "Suite.A").child("skipped").attribute("message").value(),
               "known failure: issue 540");
}
TEST(JunitDocument, NamesAreUniqueAcrossWorkersAndRepeats) {
  const std::string text = junit_text(std::vector<RunEvent>{
      worker(0), worker(1), case_started("A"), case_ended("A", Verdict::kPass), case_started("A"),
      case_ended("A", Verdict::kPass), case_started("A", 1), case_ended("A", Verdict::kPass, "", 1)});
  EXPECT_THAT(text, HasSubstr(R"(classname="single-namespace.native.IPv4" name="Suite.A")"));
  EXPECT_THAT(text, HasSubstr(R"(classname="single-namespace.native.IPv4" name="Suite.A #2")"));
  EXPECT_THAT(text, HasSubstr(R"(classname="single-namespace.native.IPv4 #2" name="Suite.A")"));
}

struct Bytes {
  const char* name;
  std::string bytes;
};
class JunitDocumentHolds : public ::testing::TestWithParam<Bytes> {};
TEST_P(JunitDocumentHolds, InEveryText) {
  const std::string& bytes = GetParam().bytes;
  WorkerStarted started = worker(0, bytes.c_str());
  started.parameters = {{"A" + bytes, bytes}};
  CaseEnded failed = case_ended("A", Verdict::kFail, bytes);
  failed.requirements = {bytes};
  failed.evidence = bytes;
  failed.attachments = {bytes};
  failed.file = "f" + bytes;
  CaseEnded skipped = case_ended("B", Verdict::kSkip, bytes);
  skipped.name += bytes;
  const std::string text =
      junit_text(std::vector<RunEvent>{started, failed, skipped, case_started(("C" + bytes).c_str()),
                                       worker_ended(ExitStatus::kHarnessBroke, bytes.c_str())});
  EXPECT_EQ(validate(text), "");
}
INSTANTIATE_TEST_SUITE_P(
    EveryByte, JunitDocumentHolds,
    ::testing::Values(Bytes{"Markup", "<a b=\"c\">&amp;]]>'</a><!-- -->"}, Bytes{"Nul", std::string("a\0b", 3)},
                      Bytes{"ControlBytes", "\x01\x02\x1b[31m\r\n\t\x7f"}, Bytes{"NotUtf8", "\xff\xfe\xc3("},
                      Bytes{"Surrogate", "\xed\xa0\x80"}, Bytes{"NotACharacter", "\xef\xbf\xbe\xef\xbf\xbf"},
                      Bytes{"C1Control", "\xc2\x85\xc2\x9f"}, Bytes{"BeyondTheBasicPlane", "\xf0\x9f\x90\xa7"},
                      Bytes{"Large", std::string(1'000'000, 'x')}),
    [](const ::testing::TestParamInfo<Bytes>& row) { return row.param.name; });

TEST(JunitFile, IsValidOnDiskAfterEveryEventAndLeavesNothingElse) {
  const Folder folder;
  {
    Result<JunitFile> file = JunitFile::create((folder / "junit.xml").string());
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(validate(read_all(folder / "junit.xml")), "");
    for (const RunEvent& event : samples::run()) {
      file->add(event);
      ASSERT_TRUE(file->write());
      EXPECT_EQ(validate(read_all(folder / "junit.xml")), "");
    }
  }
  EXPECT_EQ(read_all(folder / "junit.xml"), junit_text(samples::run()));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}
TEST(JunitFile, SaysWhichFileCannotBeWritten) {
  const Result<JunitFile> file = JunitFile::create("/nonexistent/junit.xml");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message(), HasSubstr("create /nonexistent/junit.xml.new: ENOENT"));
}
// Writes a run that never ends; the last of its cases goes on running.
[[noreturn]] void write_until_killed(const std::string& path) {
  Result<JunitFile> file = JunitFile::create(path);
  if (!file) ::_exit(1);
  file->add(worker(0));
  for (int i = 0; i < 60; ++i) {
    const std::string name = "Case" + std::to_string(i);
    file->add(case_started(name.c_str()));
    if (!file->write()) ::_exit(1);
    if (i == 59) break;
    file->add(case_ended(name.c_str(), Verdict::kPass));
    if (!file->write()) ::_exit(1);
  }
  while (true) ::pause();
}

TEST(JunitFile, SurvivesAKillAtAnyMoment) {
  const Folder folder;
  const std::string path = (folder / "junit.xml").string();
  for (int round = 0; round < 20; ++round) {
    fs::remove(path);  // of the round before
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) write_until_killed(path);
    const std::string reached = "Suite.Case" + std::to_string(round * 3) + "\"";
    std::string text;
    while (text.find(reached) == std::string::npos && ::waitpid(child, nullptr, WNOHANG) == 0) text = read_all(path);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself";
    text = read_all(path);
    ASSERT_EQ(validate(text), "");
    EXPECT_EQ(parse(text).select_nodes("//error[@type='not-finished']").size(), 1U);
    EXPECT_THAT(text, HasSubstr(reached));
  }
}

TEST(JunitSchema, RefusesWhatReadersWouldMisread) {
  const std::string good = junit_text(samples::run());
  ASSERT_EQ(validate(good), "");
  const auto broken = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t place = text.find(from);
    EXPECT_NE(place, std::string::npos) << from;
    return validate(text.replace(place, from.size(), to));
  };
  EXPECT_THAT(broken("<failure type=\"MUST\"", "<failure type=\"SHOULD\""), HasSubstr("xmllint"));
  EXPECT_THAT(broken("</testcase>", "<failure type=\"MUST\" message=\"\"/></testcase>"), HasSubstr("xmllint"));
  EXPECT_THAT(broken("</testcase>",
                     "</testcase><testcase classname=\"single-namespace.native.IPv4\" "
                     "name=\"SingleNamespace.HostRouteExists\" time=\"0\"/>"),
              HasSubstr("Duplicate key"));
  EXPECT_THAT(broken("tests=\"1\"", "tests=\"-1\""), HasSubstr("xmllint"));
}

}  // namespace
}  // namespace netns_lab::reports
