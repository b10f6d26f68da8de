#include "harness/protocol/packed_sysctls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "harness/model/samples.h"

namespace netns_lab::protocol {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;

Snapshot with_sysctls(bool pristine) {
  Snapshot snapshot;
  NamespaceState own;
  own.sysctls = {{"net.ipv4.ip_forward", "0"}, {"net.ipv4.tcp_rmem", "4096\t131072\t6291456"}};
  NamespaceState empty;
  NamespaceState odd;
  odd.sysctls = {{"net.a", ""}, {"net.b", "two\nlines"}, {"net.c", "\xff"}};
  snapshot.namespaces = {own, empty, odd};
  if (pristine) snapshot.pristine = own;
  return snapshot;
}

class PackedSysctls : public testing::TestWithParam<bool> {};

TEST_P(PackedSysctls, ComeBack) {
  const Snapshot before = with_sysctls(GetParam());
  Snapshot after = before;
  const std::string bytes = take_sysctls(after);
  for (const NamespaceState& state : after.namespaces) EXPECT_TRUE(state.sysctls.empty());
  ASSERT_TRUE(put_sysctls(bytes, after));
  EXPECT_EQ(after, before);
}
INSTANTIATE_TEST_SUITE_P(Pristine, PackedSysctls, testing::Bool(),
                         [](const auto& row) { return row.param ? "Given" : "Absent"; });

TEST(PackedSysctls, NoBytesLeaveTheSnapshotAsItIs) {
  const Snapshot before = with_sysctls(true);
  Snapshot after = before;
  ASSERT_TRUE(put_sysctls("", after));
  EXPECT_EQ(after, before);
}

TEST(PackedSysctls, AValueEndsAtItsNul) {
  Snapshot snapshot;
  snapshot.namespaces.resize(1);
  snapshot.namespaces[0].sysctls = {{"net.a", "1\0002"s}};
  ASSERT_TRUE(put_sysctls(take_sysctls(snapshot), snapshot));
  EXPECT_EQ(snapshot.namespaces[0].sysctls.at("net.a"), "1");
}

struct BadCase {
  const char* name;
  std::string bytes;
  const char* says;
};
class RefusedSysctls : public testing::TestWithParam<BadCase> {};

TEST_P(RefusedSysctls, AreAnErrorOfOurs) {
  Snapshot snapshot;
  snapshot.namespaces.resize(2);
  const auto put = put_sysctls(GetParam().bytes, snapshot);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::kInternal);
  EXPECT_THAT(put.error().message(), HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(Rows, RefusedSysctls,
                         testing::Values(BadCase{"OneNamespaceOnly", "a\0001\0\0"s, "end too early"},
                                         BadCase{"KeyCutShort", "a\0001\0\0net.b"s, "end too early"},
                                         BadCase{"NoValue", "a\0001\0\0b\0"s, "no value"},
                                         BadCase{"TooMany", "\0\0\0"s, "more than namespaces"}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::protocol
