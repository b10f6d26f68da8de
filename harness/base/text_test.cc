#include "harness/base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace netns_lab {
namespace {

struct Row {
  const char* name;
  std::string given;
  std::string visible;
  std::string line;
  std::string utf8;
};
class TextOf : public ::testing::TestWithParam<Row> {};
TEST_P(TextOf, IsFitForEyes) { EXPECT_EQ(visible(GetParam().given), GetParam().visible); }
TEST_P(TextOf, IsFitForOneLine) { EXPECT_EQ(visible_line(GetParam().given), GetParam().line); }
TEST_P(TextOf, IsMadeUtf8) { EXPECT_EQ(make_utf8(GetParam().given), GetParam().utf8); }
INSTANTIATE_TEST_SUITE_P(
    Bytes, TextOf,
    ::testing::Values(Row{"Empty", "", "", "", ""}, Row{"Ascii", "a ~", "a ~", "a ~", "a ~"},
                      Row{"LineEndAndTab", "a\n\tb", "a\n\tb", "a\\x0A\\x09b", "a\n\tb"},
                      Row{"Escape", "\x1b[1m\r", "\\x1B[1m\\x0D", "\\x1B[1m\\x0D", "\x1b[1m\r"},
                      Row{"Nul", std::string(1, '\0'), "\\x00", "\\x00", std::string(1, '\0')},
                      Row{"Delete", "\x7f", "\\x7F", "\\x7F", "\x7f"},
                      Row{"TwoBytes", "\xc3\xa9", "\xc3\xa9", "\xc3\xa9", "\xc3\xa9"},
                      Row{"FourBytes", "\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7", "\xf0\x9f\x90\xa7"},
                      Row{"LastOfUnicode", "\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd",
                          "\xf4\x8f\xbf\xbd"},
                      Row{"C1Control", "\xc2\x9f", "\\xC2\\x9F", "\\xC2\\x9F", "\xc2\x9f"},
                      Row{"NotACharacter", "\xef\xbf\xbf", "\\xEF\\xBF\\xBF", "\\xEF\\xBF\\xBF", "\xef\xbf\xbf"},
                      Row{"LoneContinuation", "\x80", "\\x80", "\\x80", "\\x80"},
                      Row{"CutSequence", "\xe2\x82", "\\xE2\\x82", "\\xE2\\x82", "\\xE2\\x82"},
                      Row{"Overlong", "\xc0\xaf", "\\xC0\\xAF", "\\xC0\\xAF", "\\xC0\\xAF"},
                      Row{"OverlongOfThree", "\xe0\x80\xaf", "\\xE0\\x80\\xAF", "\\xE0\\x80\\xAF", "\\xE0\\x80\\xAF"},
                      Row{"Surrogate", "\xed\xa0\x80", "\\xED\\xA0\\x80", "\\xED\\xA0\\x80", "\\xED\\xA0\\x80"},
                      Row{"BeyondUnicode", "\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80", "\\xF4\\x90\\x80\\x80",
                          "\\xF4\\x90\\x80\\x80"}),
    [](const ::testing::TestParamInfo<Row>& row) { return row.param.name; });

TEST(VisibleWithLimit, CutsAndTellsHowMuch) {
  EXPECT_EQ(visible("abcdef", 6), "abcdef");
  EXPECT_EQ(visible("abcdef", 2), "ab… (4 bytes more)");
}
TEST(VisibleWithLimit, NeverCutsACharacterInTwo) { EXPECT_EQ(visible("a\xe2\x82\xac z", 2), "a… (5 bytes more)"); }

TEST(SplitLines, DropsOnlyALastEmptyLine) {
  EXPECT_EQ(split_lines(""), std::vector<std::string>{});
  EXPECT_EQ(split_lines("a\n\nb"), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split_lines("a\n"), std::vector<std::string>{"a"});
}
TEST(Join, PutsTheSeparatorBetween) {
  EXPECT_EQ(join(std::vector<std::string>{}, ", "), "");
  EXPECT_EQ(join(std::vector<std::string>{"a", "b"}, ", "), "a, b");
}

TEST(JoinFirst, TellsHowManyAreLeftOut) {
  const std::vector<std::string> parts = {"a", "b", "c"};
  EXPECT_EQ(join_first({}, 2), "");
  EXPECT_EQ(join_first(parts, 3), "a; b; c");
  EXPECT_EQ(join_first(parts, 2), "a; b; and 1 more");
}

struct Word {
  const char* given;
  const char* want;
};
class NearestWord : public ::testing::TestWithParam<Word> {};
TEST_P(NearestWord, IsFoundWhenItMayBeATypingError) {
  EXPECT_EQ(nearest_word(GetParam().given, std::vector<std::string>{"single-namespace", "bridge", "overlay"}),
            GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(Typing, NearestWord,
                         ::testing::Values(Word{"bridge", "bridge"}, Word{"brigde", "bridge"},
                                           Word{"single-namespaces", "single-namespace"},
                                           Word{"singlenamespace", "single-namespace"}, Word{"vlan", ""},
                                           Word{"bri", ""}, Word{"", ""}));

TEST(Text, HexadecimalHasTwoDigitsAByte) {
  const std::vector<std::uint8_t> bytes{0xc6, 0x33, 0x64, 0x00};
  EXPECT_EQ(hexadecimal(bytes), "c6336400");
  EXPECT_EQ(hexadecimal({}), "");
}

}  // namespace
}  // namespace netns_lab
