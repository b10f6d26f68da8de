// What a user may get wrong: one clear line on standard error, status 2 (3 where something is missing), and nothing is
// built.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "harness/cli/command_under_test.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

struct Refusal {
  std::string name;
  std::vector<std::string> arguments;
  int status = 2;
  std::vector<std::string> says;  // each must stand in the line
};
std::ostream& operator<<(std::ostream& out, const Refusal& row) { return out << row.name; }

class RefusedInput : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedInput, IsToldInOneLine) {
  CommandUnderTest command;
  const Ran ran = command.run(GetParam().arguments);
  EXPECT_EQ(ran.status, GetParam().status) << ran;
  EXPECT_THAT(ran.output, IsEmpty());
  EXPECT_THAT(ran.errors, StartsWith("netns-lab: "));
  EXPECT_EQ(std::count(ran.errors.begin(), ran.errors.end(), '\n'), 1) << ran.errors;
  for (const std::string& word : GetParam().says) EXPECT_THAT(ran.errors, HasSubstr(word));
  EXPECT_FALSE(std::filesystem::exists(command.folder() + "/report")) << "a report of a run that never began";
}

std::vector<std::string> with_parameter(const std::string& parameter) {
  return {"test", "single-namespace", "--target", "native", "--param", parameter};
}

INSTANTIATE_TEST_SUITE_P(
    Command, RefusedInput,
    testing::Values(
        Refusal{"NoCommand", {}, 2, {"--help"}}, Refusal{"UnknownCommand", {"tset"}, 2, {"tset", "did you mean test?"}},
        Refusal{"UnknownOption", {"test", "--jbos", "2"}, 2, {"--jbos", "did you mean --jobs?"}},
        Refusal{
            "UnknownScenario", {"test", "single-namespce"}, 2, {"single-namespce", "did you mean single-namespace?"}},
        Refusal{
            "UnknownTarget", {"test", "single-namespace", "--target", "natve"}, 2, {"natve", "did you mean native?"}},
        Refusal{"UnknownKindOfTarget",
                {"test", "single-namespace", "--target", "scrpt:x.sh"},
                2,
                {"scrpt", "did you mean script?"}},
        Refusal{"UnknownRunOption", {"run", "single-namespace", "--tagret", "native"}, 2, {"did you mean --target?"}},
        Refusal{"UnknownScenarioOfRun", {"run", "single-namespac"}, 2, {"did you mean single-namespace?"}},
        Refusal{"TargetOfALaterVersion", {"test", "single-namespace", "--target", "cni:/opt/cni"}, 3, {"cni"}},
        Refusal{
            "UnknownLab", {"test", "single-namespace", "--lab", "sandbax"}, 2, {"sandbax", "did you mean sandbox?"}},
        Refusal{"InstanceForOneRun",
                {"test", "single-namespace", "--lab", "multipass"},
                3,
                {"multipass", "netns-lab up --lab multipass --name netns-lab"}},
        Refusal{"KernelOfASandbox", {"up", "--kernel", "/boot/vmlinuz"}, 2, {"--kernel", "add --lab qemu"}},
        Refusal{"TwoKernelsOfOneMachine",
                {"up", "--lab", "qemu", "--kernel", "/boot/a", "--kernel", "/boot/b"},
                2,
                {"--kernel /boot/b", "netns-lab test takes several"}},
        Refusal{"OneKernelTwice",
                {"test", "--lab", "qemu", "--kernel", "/boot/a", "--kernel", "/boot/a"},
                2,
                {"--kernel /boot/a", "twice"}},
        Refusal{"ProcessorsOfASandbox", {"up", "--cpus", "2"}, 2, {"--cpus 2", "add --lab qemu"}},
        Refusal{"NoMemory", {"up", "--lab", "qemu", "--memory", "2"}, 2, {"--memory 2", "512M"}},
        Refusal{"TooLittleMemory", {"test", "--lab", "qemu", "--memory", "64M"}, 2, {"--memory 64M", "256M"}},
        Refusal{"DiskWithoutStateDisk", {"up", "--lab", "qemu", "--disk", "1G"}, 2, {"--disk 1G", "--state-disk"}},
        Refusal{"NoSizeOfStateDisk",
                {"up", "--lab", "qemu", "--state-disk", "disk", "--disk", "large"},
                2,
                {"--disk large", "no size"}},
        Refusal{"StateDiskOfASandbox", {"up", "--state-disk", "disk"}, 2, {"--state-disk disk", "--lab qemu"}},
        Refusal{"NoSuchKernel", {"up", "--lab", "qemu", "--kernel", "/nosuch/vmlinuz"}, 3, {"apt-get install"}},
        Refusal{"MemoryOfASandbox", {"up", "--memory", "2G"}, 2, {"--memory 2G", "add --lab qemu or"}},
        Refusal{"ImageThatIsAnOption", {"up", "--lab", "multipass", "--image=-x"}, 2, {"--image -x", "hyphen"}},
        Refusal{"CloudInitThatIsNotThere",
                {"up", "--lab", "multipass", "--cloud-init", "/nosuch/file"},
                2,
                {"--cloud-init /nosuch/file"}},
        Refusal{"NameThatIsNoInstances", {"up", "--lab", "multipass", "--name", "my_lab"}, 2, {"my_lab", "hyphens"}},
        Refusal{"SeveralNodes",
                {"up", "--lab", "host", "--nodes", "2"},
                3,
                {"a host lab of 2 nodes", "a host lab has one node", "--lab sandbox or --lab qemu"}},
        Refusal{"TooManyNodes", {"up", "--nodes", "17"}, 2, {"--nodes"}},
        Refusal{"NodeThatIsNone", {"exec", "--node", "0", "--", "true"}, 2, {"--node"}},
        Refusal{"SeveralNodesOnTheHost", {"test", "multi-node", "--lab", "host"}, 3, {"a host lab has one node"}},
        Refusal{"UnknownParameter", with_parameter("CONN=x"), 2, {"CONN", "did you mean CON?"}},
        Refusal{"FilterOfAnUnknownRequirement",
                {"test", "single-namespace", "--filter", "single-namespace.host-rout"},
                2,
                {"--filter", "single-namespace.host-rout", "did you mean single-namespace.host-route?"}},
        Refusal{"FilterOfAnUnknownCase",
                {"test", "single-namespace", "--filter", "SingleNamespace.NodesKernelChosesTheHostRoute"},
                2,
                {"did you mean SingleNamespace.NodesKernelChoosesTheHostRoute?"}},
        Refusal{"FilterOfWhichOnePatternMatchesNothing",
                {"test", "--filter", "single-namespace.host-route:qqqqq"},
                2,
                {"qqqqq", "netns-lab list requirements"}},
        Refusal{"ListOfAnUnknownKind", {"list", "senarios"}, 2, {"senarios", "did you mean scenarios?"}},
        Refusal{"ListWithoutAKind", {"list"}, 2, {"scenarios", "--help"}},
        Refusal{"WordTooMany", {"destroy", "mine"}, 2, {"mine", "--help"}},
        Refusal{"LabOfAnUnknownName", {"shell", "--name", "bleu"}, 3, {"bleu", "netns-lab up"}},
        Refusal{"ParameterWithoutValue", with_parameter("CON"), 2, {"\"CON\" is not KEY=VALUE"}},
        Refusal{"AddressOutsideTheBridge",
                {"test", "bridge", "--target", "native", "--param", "IP1=10.9.9.9"},
                2,
                {"IP1=\"10.9.9.9\"", "not in the bridge's subnet 172.16.0.0/24"}},
        Refusal{"OneNameForBothContainers",
                {"test", "bridge", "--target", "native", "--param", "CON2=netns1"},
                2,
                {"CON2=\"netns1\"", "CON1"}},
        Refusal{"AddressOutOfRange", with_parameter("IP=10.200.1.256"), 2, {"IP", "10.200.1.256"}},
        Refusal{"AddressOfLetters", with_parameter("IP=gateway"), 2, {"IP", "gateway"}},
        Refusal{"AddressThatIsMulticast", with_parameter("IP=224.0.0.1"), 2, {"IP", "224.0.0.1"}},
        Refusal{"AddressWithAPrefixLength", with_parameter("IP=10.200.1.1/24"), 2, {"IP", "10.200.1.1/24"}},
        Refusal{"EmptyAddress", with_parameter("IP="), 2, {"IP"}},
        Refusal{"NamespaceWithASlash", with_parameter("CON=a/b"), 2, {"CON", "a/b"}},
        Refusal{"NamespaceThatIsTheParentFolder", with_parameter("CON=.."), 2, {"CON", ".."}},
        Refusal{"NamespaceThatIsTooLong", with_parameter("CON=" + std::string(300, 'n')), 2, {"CON"}},
        Refusal{"NamespaceWithoutName", with_parameter("CON="), 2, {"CON"}},
        Refusal{"NamespaceOfControlBytes", with_parameter("CON=\x1b[31m"), 2, {"CON", "\\x1B"}},
        Refusal{"JobsOfZero", {"test", "--jobs", "0"}, 2, {"--jobs"}},
        Refusal{"DeadlineThatIsNoNumber", {"test", "--deadline", "nan"}, 2, {"--deadline", "nan", "not in range"}},
        Refusal{"TimeoutThatIsNoNumber", {"test", "--timeout", "nan"}, 2, {"--timeout", "nan", "not in range"}},
        Refusal{"DeadlineOfLetters", {"test", "--deadline", "soon"}, 2, {"--deadline", "soon"}},
        Refusal{"KeepingWithoutALab",
                {"test", "single-namespace", "--keep-on-failure"},
                2,
                {"--keep-on-failure", "netns-lab up"}},
        Refusal{"EmptyLabName", {"destroy", "--name", ""}, 2, {"--name", "empty"}},
        Refusal{"LabNameWithASlash", {"up", "--name", "a/b"}, 2, {"a/b", "'/' is not allowed"}},
        Refusal{"ShellWithoutALab", {"shell"}, 3, {"lab netns-lab", "netns-lab up"}},
        Refusal{"ExecWithoutACommand", {"exec"}, 2, {"--", "which command"}},
        Refusal{"ExecOfACommandNotBehindTheDashes", {"exec", "true"}, 2, {"the command to run stands behind --"}},
        Refusal{"ExecWithoutALab", {"exec", "--", "true"}, 3, {"netns-lab up"}},
        Refusal{"DestroyOfALabThatIsNotThere", {"destroy", "--name", "nosuch"}, 3, {"nosuch"}},
        Refusal{"ExplainOfAnUnknownRequirement",
                {"explain", "single-namespace.host-rout"},
                2,
                {"did you mean single-namespace.host-route?"}},
        Refusal{"DiagnoseWithoutALab", {"diagnose", "--from", "node-1", "--to", "10.0.0.1"}, 3, {"netns-lab up"}},
        Refusal{"DiagnoseFromNowhere", {"diagnose", "--to", "10.0.0.1"}, 2, {"--from"}},
        Refusal{"DiagnoseToNoAddress", {"diagnose", "--from", "node-1", "--to", "nobody"}, 2, {"--to nobody", "no IP"}},
        Refusal{"DiagnoseToALinkLocal", {"diagnose", "--from", "node-1", "--to", "fe80::1"}, 2, {"link-local"}},
        Refusal{"MoreContainersThanPorts",
                {"test", "bridge", "--containers", "1024"},
                2,
                {"CONTAINERS=\"1024\"", "a bridge has 1023 ports at most", "give 3 to 1023"}},
        Refusal{"ContainersAreNoNumber", {"test", "bridge", "--containers", "many"}, 2, {"no number from 3 to 1023"}},
        Refusal{"ContainersOfAnotherScenario",
                {"test", "overlay", "--containers", "8"},
                2,
                {"--containers 8", "of one scenario alone: bridge"}},
        Refusal{"ContainersOfAllScenarios", {"test", "--containers", "8"}, 2, {"of one scenario alone: bridge"}},
        Refusal{"UnknownFamily", {"test", "bridge", "--family", "ipx"}, 2, {"--family", "ipx"}},
        Refusal{"FamilyThatTheTargetLacks",
                {"test", "bridge", "--family", "ipv6", "--target",
                 "script:" + CommandUnderTest::fixture("scenarios/bridge")},
                2,
                {"it builds no IPv6 network that scenario bridge has"}},
        Refusal{"SeedOfZero", {"test", "--seed", "0"}, 2, {"--seed"}},
        Refusal{"MtuTooSmall", with_parameter("MTU=575"), 2, {"MTU", "575", "576 to 65535"}},
        Refusal{"QualifyUnknown", {"qualify", "no-such-scenario"}, 2, {"no-such-scenario"}},
        Refusal{"ReportOfNoRecord", {"report", "/nonexistent"}, 2, {"/nonexistent"}}),
    [](const testing::TestParamInfo<Refusal>& row) { return row.param.name; });

struct BadFile {
  std::string name;
  std::string text;
  int mode = 0644;
  std::vector<std::string> says;
};
std::ostream& operator<<(std::ostream& out, const BadFile& row) { return out << row.name; }

class RefusedEnvFile : public testing::TestWithParam<BadFile> {};

TEST_P(RefusedEnvFile, IsReadAndNeverExecuted) {
  CommandUnderTest command;
  const std::string path = command.write("env.sh", GetParam().text, GetParam().mode);
  const Ran ran = command.run({"test", "single-namespace", "--target", "native", "--env-file", path});
  EXPECT_EQ(ran.status, 2) << ran;
  for (const std::string& word : GetParam().says) EXPECT_THAT(ran.errors, HasSubstr(word));
  EXPECT_FALSE(std::filesystem::exists(command.folder() + "/executed"));
}

INSTANTIATE_TEST_SUITE_P(
    Command, RefusedEnvFile,
    testing::Values(BadFile{"CommandSubstitution", "CON=$(touch executed)\n", 0644, {"env.sh:1"}},
                    BadFile{"Backquotes", "CON=`touch executed`\n", 0644, {"env.sh:1"}},
                    BadFile{"Command", "CON=netns1\ntouch executed\n", 0644, {"env.sh:2"}},
                    BadFile{"CommandAfterAnAssignment", "CON=netns1; touch executed\n", 0644, {"env.sh:1"}},
                    BadFile{"Binary",
                            std::string("\x7f"
                                        "ELF\0\1",
                                        6),
                            0644,
                            {"env.sh:1"}},
                    BadFile{"BadAddress", "IP=10.0.0.300\n", 0644, {"IP", "10.0.0.300"}}),
    [](const testing::TestParamInfo<BadFile>& row) { return row.param.name; });

TEST(Command, RefusesAnEnvFileThatIsMissing) {
  CommandUnderTest command;
  const Ran ran = command.run({"test", "single-namespace", "--env-file", "nosuch.sh"});
  EXPECT_EQ(ran.status, 2) << ran;
  EXPECT_THAT(ran.errors, AllOf(HasSubstr("nosuch.sh"), HasSubstr("ENOENT")));
}

TEST(Command, RefusesAReportFolderThatCannotBeMade) {
  CommandUnderTest command;
  const Ran ran = command.run({"test", "single-namespace", "--report-dir", "/proc/nosuch/report"});
  EXPECT_EQ(ran.status, 2) << ran;
  EXPECT_THAT(ran.errors, AllOf(HasSubstr("/proc/nosuch/report"), HasSubstr("cannot be written")));
}

TEST(Command, RefusesAReportFolderInWhichTheReportCannotBeMade) {
  CommandUnderTest command;
  std::filesystem::create_directories(command.folder() + "/taken/junit.xml");
  for (const std::string& folder : {std::string("/proc"), command.folder() + "/taken"}) {
    const Ran ran = command.run({"test", "single-namespace", "--target", "native", "--report-dir", folder});
    EXPECT_EQ(ran.status, 2) << ran;
    EXPECT_THAT(ran.errors, StartsWith("netns-lab: --report-dir " + folder + ": "));
  }
}

TEST(Command, RefusesToCompareFolders) {
  CommandUnderTest command;
  const Ran ran = command.run({"diff", command.folder(), command.folder()});
  EXPECT_EQ(ran.status, 2) << ran;
  EXPECT_THAT(ran.errors, HasSubstr("it is a folder"));
}

TEST(Command, TellsARefusalInJsonToWhoReadsJson) {
  CommandUnderTest command;
  const Ran ran = command.run({"test", "single-namespace", "--param", "IP=x", "--json"});
  EXPECT_EQ(ran.status, 2) << ran;
  const auto told = nlohmann::json::parse(ran.output, nullptr, false);
  ASSERT_TRUE(told.is_object()) << ran;
  EXPECT_EQ(told.value("status", 0), 2);
  EXPECT_THAT(told.value("message", ""), HasSubstr("IP=\"x\""));
  EXPECT_THAT(ran.errors, HasSubstr("IP=\"x\""));
}

struct Help {
  std::string name;
  std::vector<std::string> arguments;
  std::string says;
};
std::ostream& operator<<(std::ostream& out, const Help& row) { return out << row.name; }

class HelpOf : public testing::TestWithParam<Help> {};

TEST_P(HelpOf, IsOnStandardOutputWithAnExample) {
  CommandUnderTest command;
  const Ran ran = command.run(GetParam().arguments);
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.output, AllOf(HasSubstr("Usage: netns-lab" + GetParam().says), HasSubstr("Example")));
  EXPECT_THAT(ran.errors, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Command, HelpOf,
    testing::Values(Help{"All", {"--help"}, " [OPTIONS] SUBCOMMAND"}, Help{"Test", {"test", "--help"}, " test "},
                    Help{"Up", {"up", "--help"}, " up "}, Help{"Destroy", {"destroy", "--help"}, " destroy "},
                    Help{"Shell", {"shell", "--help"}, " shell "}, Help{"Exec", {"exec", "--help"}, " exec "},
                    Help{"Run", {"run", "--help"}, " run "}, Help{"List", {"list", "--help"}, " list "},
                    Help{"ListLabs", {"list", "labs", "--help"}, " list labs "},
                    Help{"Explain", {"explain", "--help"}, " explain "},
                    Help{"Doctor", {"doctor", "--help"}, " doctor "},
                    Help{"Snapshot", {"snapshot", "--help"}, " snapshot "}, Help{"Diff", {"diff", "--help"}, " diff "},
                    Help{"Report", {"report", "--help"}, " report "}),
    [](const testing::TestParamInfo<Help>& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::cli
