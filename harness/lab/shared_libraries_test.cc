#include "harness/lab/shared_libraries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Libraries, AreReadFromWhatTheLoaderPrints) {
  const auto found = parse_libraries("/usr/bin/x",
                                     "\tlinux-vdso.so.1 (0x00007fc81e129000)\n"
                                     "\tlibmnl.so.0 => /lib/x86_64-linux-gnu/libmnl.so.0 (0x00007fc81e10b000)\n"
                                     "\tlibodd.so => /opt/my libs/libodd.so (0x00007fc81e10b000)\n"
                                     "\t/lib64/ld-linux-x86-64.so.2 (0x00007fc81e12b000)\n");
  ASSERT_TRUE(found.has_value()) << found.error();
  EXPECT_THAT(*found, ElementsAre("/lib/x86_64-linux-gnu/libmnl.so.0", "/opt/my libs/libodd.so",
                                  "/lib64/ld-linux-x86-64.so.2"));
}

TEST(Libraries, OneThatIsNotFoundIsToldWithItsProgram) {
  const auto found = parse_libraries("/usr/bin/x", "\tlibgone.so.1 => not found\n");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(found.error().message(), HasSubstr("/usr/bin/x"));
  EXPECT_THAT(found.error().message(), HasSubstr("libgone.so.1"));
}

TEST(Libraries, NothingUnderstoodIsNone) {
  for (const char* text : {"", "\tstatically linked\n", "(0x /\n", "/a\n"}) {
    const auto found = parse_libraries("/usr/bin/x", text);
    ASSERT_TRUE(found.has_value());
    EXPECT_THAT(*found, IsEmpty()) << text;
  }
}

}  // namespace
}  // namespace netns_lab
