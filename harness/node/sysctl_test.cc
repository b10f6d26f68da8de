#include "harness/node/sysctl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab::node {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

struct PathRow {
  const char* name;
  const char* key;
  const char* path;  // nullptr: refused
};
void PrintTo(const PathRow& row, std::ostream* out) { *out << row.name; }
class SysctlPathTest : public testing::TestWithParam<PathRow> {};

TEST_P(SysctlPathTest, IsTheFileOfTheKeyOrARefusal) {
  const auto path = sysctl_path(GetParam().key);
  if (GetParam().path == nullptr) {
    ASSERT_FALSE(path);
    EXPECT_EQ(path.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(path.error().message(), HasSubstr("give a key such as net.ipv4.ip_forward"));
    return;
  }
  ASSERT_TRUE(path) << path.error();
  EXPECT_EQ(*path, GetParam().path);
}

INSTANTIATE_TEST_SUITE_P(Keys, SysctlPathTest,
                         testing::Values(PathRow{"Plain", "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"},
                                         PathRow{"DotInAName", "net.ipv4.conf.eth0/100.forwarding",
                                                 "/proc/sys/net/ipv4/conf/eth0.100/forwarding"},
                                         PathRow{"NotOfANamespace", "kernel.hostname", nullptr},
                                         PathRow{"Empty", "", nullptr}, PathRow{"FolderAlone", "net.", nullptr},
                                         PathRow{"EmptyPart", "net..ip_forward", nullptr},
                                         PathRow{"WayOut", "net.//.//.kernel.hostname", nullptr},
                                         PathRow{"WayOutInOnePart", "net.ipv4.//./x", nullptr}),
                         [](const auto& row) { return std::string(row.param.name); });

class SysctlTest : public testing::Test {
 protected:
  NetworkNamespace namespace_ = NetworkNamespace::create().value();
};

TEST_F(SysctlTest, WrittenValueIsReadBackThereAndNowhereElse) {
  const NetworkNamespace other = NetworkNamespace::create().value();
  ASSERT_TRUE(write_sysctl(namespace_, "net.ipv4.ip_forward", "1"));
  ASSERT_TRUE(write_sysctl(other, "net.ipv4.ip_forward", "0"));
  EXPECT_EQ(read_sysctl(namespace_, "net.ipv4.ip_forward").value(), "1");
  EXPECT_EQ(read_sysctl(other, "net.ipv4.ip_forward").value(), "0");
}

TEST_F(SysctlTest, RefusalsNameTheFileAndTheValue) {
  const auto bad_value = write_sysctl(namespace_, "net.ipv4.ip_forward", "not a number");
  ASSERT_FALSE(bad_value);
  EXPECT_EQ(bad_value.error().system_errno, EINVAL);
  EXPECT_THAT(bad_value.error().message(), HasSubstr("write \"not a number\" to /proc/sys/net/ipv4/ip_forward"));
  const auto missing = write_sysctl(namespace_, "net.ipv4.no_such_key", "1");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().system_errno, ENOENT);
}

TEST_F(SysctlTest, KeysThatAreNotThereAreLeftOut) {
  const auto values = read_sysctls(namespace_, {"net.ipv4.ip_forward", "net.ipv4.no_such_key"});
  ASSERT_TRUE(values) << values.error();
  EXPECT_THAT(*values, ElementsAre(Pair("net.ipv4.ip_forward", testing::AnyOf("0", "1"))));
}

}  // namespace
}  // namespace netns_lab::node
