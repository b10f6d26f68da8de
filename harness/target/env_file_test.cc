#include "harness/target/env_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "harness/process/running_command.h"

namespace netns_lab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct ReadCase {
  std::string name;
  std::string text;
  Parameters want;
};
std::ostream& operator<<(std::ostream& out, const ReadCase& row) { return out << row.text; }

class Assignments : public ::testing::TestWithParam<ReadCase> {};

TEST_P(Assignments, AreReadAsWritten) {
  const Result<Parameters> read = parse_env_file(GetParam().text, "env.sh");
  ASSERT_TRUE(read.has_value()) << read.error();
  EXPECT_EQ(*read, GetParam().want);
}

// The reader's promise: bash gets the same values from every file that it accepts.
TEST_P(Assignments, AreReadByBashTheSame) {
  std::ofstream("/run/env.sh", std::ios::binary) << GetParam().text;
  for (const auto& [name, value] : GetParam().want) {
    process::Command command;
    command.argv = {"bash", "-c", "set -e; . /run/env.sh; printf %s \"${!1-not set}\"", "bash", name};
    command.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", "/home/ubuntu"}};
    const auto outcome = process::run_to_end(command);
    ASSERT_TRUE(outcome.has_value()) << outcome.error();
    EXPECT_EQ(outcome->output, value) << name << ": " << outcome->end << outcome->errors;
  }
}

TEST_P(Assignments, StayTheSameWhenWrittenAnew) {
  EXPECT_EQ(parse_env_file(env_file_of(GetParam().want), "env.sh"), Result<Parameters>(GetParam().want));
  EXPECT_EQ(parse_env_file(with_values(GetParam().text, GetParam().want), "env.sh"),
            Result<Parameters>(GetParam().want));
}

INSTANTIATE_TEST_SUITE_P(
    EnvFile, Assignments,
    ::testing::Values(
        ReadCase{"Bare", "CON=netns1\nIP=10.200.1.1\n", {{"CON", "netns1"}, {"IP", "10.200.1.1"}}},
        ReadCase{"NoLastLineEnd", "CON=netns1", {{"CON", "netns1"}}},
        ReadCase{"Exported", "export CON=netns1\nexport\tIP='1.2.3.4'", {{"CON", "netns1"}, {"IP", "1.2.3.4"}}},
        ReadCase{"ExportedAfterwards",
                 "CON=netns1\nIP=1.2.3.4;\nexport CON IP # both\nexport IP;\n",
                 {{"CON", "netns1"}, {"IP", "1.2.3.4"}}},
        ReadCase{
            "Semicolons", "A=1;\nB='2' ; # x\nC=;\nexport D=4;#y\n", {{"A", "1"}, {"B", "2"}, {"C", ""}, {"D", "4"}}},
        ReadCase{"SingleQuotes", "A='a b $x `y` \\ \"q\" ;'", {{"A", "a b $x `y` \\ \"q\" ;"}}},
        ReadCase{"DoubleQuotes", "A=\"a b ; 'q' # ~\"", {{"A", "a b ; 'q' # ~"}}},
        ReadCase{"PiecesSideBySide", "A=a'b c'\"d e\"f", {{"A", "ab cd ef"}}},
        ReadCase{"QuoteInQuotes", "A='it'\"'\"'s'", {{"A", "it's"}}},
        ReadCase{"Empty", "A=\nB=''\nC=\"\"", {{"A", ""}, {"B", ""}, {"C", ""}}},
        ReadCase{"CommentsAndBlankLines", "#!/bin/bash\n\n  # x\n\t\nA=1 # y\n  B=2\t#\n", {{"A", "1"}, {"B", "2"}}},
        ReadCase{"HashInsideAValue", "A=a#b", {{"A", "a#b"}}}, ReadCase{"LastOneCounts", "A=1\nA=2", {{"A", "2"}}},
        ReadCase{"EqualsAndColonInAValue", "A=b=c:d\nB=fd00::1/64", {{"A", "b=c:d"}, {"B", "fd00::1/64"}}},
        ReadCase{"TildeInside", "A=a~b", {{"A", "a~b"}}}, ReadCase{"Utf8", "A=ü€", {{"A", "ü€"}}}),
    [](const auto& row) { return row.param.name; });

struct RefusedCase {
  std::string name;
  std::string text;
  std::string place;
  std::string words;
};
std::ostream& operator<<(std::ostream& out, const RefusedCase& row) { return out << row.text; }

class Refused : public ::testing::TestWithParam<RefusedCase> {};

TEST_P(Refused, NamesTheLineAndWhatWasSeen) {
  const Result<Parameters> read = parse_env_file(GetParam().text, "x/env.sh");
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(read.error().message(), AllOf(StartsWith(GetParam().place), HasSubstr(GetParam().words)));
  EXPECT_EQ(read.error().message().find('\n'), std::string::npos) << "one line";
}

INSTANTIATE_TEST_SUITE_P(
    EnvFile, Refused,
    ::testing::Values(
        RefusedCase{"Command", "CON=a\nrm -rf /", "x/env.sh:2", "here stands \"rm -rf /\""},
        RefusedCase{"CommandSubstitution", "A=$(id)", "x/env.sh:1", "expand or run something in \"A=$(id)\""},
        RefusedCase{"Backticks", "A=`id`", "x/env.sh:1", "expand or run"},
        RefusedCase{"Variable", "A=$B", "x/env.sh:1", "expand or run"},
        RefusedCase{"VariableInQuotes", "A=\"x$B\"", "x/env.sh:1", "expand or run"},
        RefusedCase{"Semicolon", "A=1; id", "x/env.sh:1", "a bare ;"},
        RefusedCase{"TwoOnALine", "A=1 B=2", "x/env.sh:1", "after the value of A stands more: \"B=2\""},
        RefusedCase{"CommandWithVariable", "A= id", "x/env.sh:1", "stands more: \"id\""},
        RefusedCase{"Array", "A=(1 2)", "x/env.sh:1", "a bare ("},
        RefusedCase{"ByteOrderMark",
                    "\xEF\xBB\xBF"
                    "A=1",
                    "x/env.sh:1", "byte order mark"},
        RefusedCase{"Append", "A+=1", "x/env.sh:1", "an assignment was expected"},
        RefusedCase{"ExportWithoutValue", "A=1\nexport A B", "x/env.sh:2", "it exports B, which has no value here"},
        RefusedCase{"ExportOfNamesAndAValue", "A=1\nexport A B=2", "x/env.sh:2", "names were expected behind export"},
        RefusedCase{"TwoSemicolons", "A=1;;", "x/env.sh:1", "a bare ;"},
        RefusedCase{"SemicolonsApart", "A=1 ; ;", "x/env.sh:1", "stands more"},
        RefusedCase{"ExportOption", "export -n A=1", "x/env.sh:1", "an assignment was expected"},
        RefusedCase{"Name", "1A=1", "x/env.sh:1", "an assignment was expected"},
        RefusedCase{"BlankBeforeEquals", "A =1", "x/env.sh:1", "an assignment was expected"},
        RefusedCase{"Redirection", "A=1 >/tmp/x", "x/env.sh:1", "stands more"},
        RefusedCase{"Background", "A=1&", "x/env.sh:1", "a bare &"},
        RefusedCase{"Continuation", "A=1\\\n2", "x/env.sh:1", "a bare \\"},
        RefusedCase{"OpenQuote", "A='1\n2'", "x/env.sh:1", "not closed on its line"},
        RefusedCase{"EscapeInQuotes", "A=\"\\n\"", "x/env.sh:1", "a \\ inside"},
        RefusedCase{"Tilde", "A=~/x", "x/env.sh:1", "expand the ~"},
        RefusedCase{"TildeAfterColon", "A=a:~/x", "x/env.sh:1", "expand the ~"},
        RefusedCase{"Braces", "export A={1,2}", "x/env.sh:1", "a bare {"},
        RefusedCase{"WindowsLineEnd", "A=1\r\n", "x/env.sh:1", "carriage return"},
        RefusedCase{"NulByte", std::string("A=1\0", 4), "x/env.sh:1", "control byte 0x00"},
        RefusedCase{"Binary",
                    "\x7f"
                    "ELF\x01",
                    "x/env.sh:1", "control byte 0x7F"},
        RefusedCase{"SetOption", "set -a\nA=1", "x/env.sh:1", "an assignment was expected"},
        RefusedCase{"TooLarge", std::string(kMostEnvFileBytes + 1, '#'), "read x/env.sh", "at most 65536 are read"}),
    [](const auto& row) { return row.param.name; });

TEST(EnvFile, WithValuesChangesOnlyWhatDiffers) {
  const std::string text = "# part 1\nexport CON='netns1'  # the name\nIP=10.200.1.1\n\nOTHER=\"x y\"\n";
  EXPECT_EQ(with_values(text, {{"CON", "netns1"}, {"IP", "10.200.1.1"}, {"IP6", "fd00::1"}}), text);
  EXPECT_EQ(with_values(text, {{"CON", "a b"}, {"IP", "10.0.0.9"}}),
            "# part 1\nexport CON='a b'  # the name\nIP=10.0.0.9\n\nOTHER=\"x y\"\n");
}

}  // namespace
}  // namespace netns_lab
