#include "harness/protocol/packed_namespaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "harness/model/samples.h"

namespace netns_lab::protocol {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;

class PackedNamespaces : public testing::TestWithParam<bool> {};

// In the sample no member is empty and no optional unset; the second namespace here is all of that.
TEST_P(PackedNamespaces, ComeBack) {
  Snapshot before = samples::snapshot();
  before.namespaces.emplace_back();
  before.namespaces.back().links = {Link(), samples::link()};
  before.namespaces.back().routes.emplace_back();
  before.namespaces.back().sysctls = {{"net.a", ""}, {"net.b", "two\nlines"}, {"net.c", "1\0002"s}};
  if (!GetParam()) before.pristine.reset();
  Snapshot after = before;
  const std::string bytes = take_namespaces(after);
  EXPECT_TRUE(after.namespaces.empty());
  EXPECT_FALSE(after.pristine);
  EXPECT_EQ(after.entries, before.entries);
  ASSERT_TRUE(put_namespaces(bytes, after));
  EXPECT_EQ(after, before);
}
INSTANTIATE_TEST_SUITE_P(Pristine, PackedNamespaces, testing::Bool(),
                         [](const auto& row) { return row.param ? "Given" : "Absent"; });

TEST(PackedNamespaces, ValuesThatOnlyTheKernelKnowsComeBack) {
  Snapshot before;
  before.namespaces.resize(1);
  before.namespaces[0].links = {samples::link()};
  before.namespaces[0].links[0].operstate = static_cast<OperState>(77);
  before.namespaces[0].routes = {samples::route()};
  before.namespaces[0].routes[0].type = static_cast<RouteType>(200);
  before.namespaces[0].routes[0].scope = static_cast<Scope>(7);
  Snapshot after = before;
  ASSERT_TRUE(put_namespaces(take_namespaces(after), after));
  EXPECT_EQ(after, before);
}

// As in JSON: what is printed later must be text.
TEST(PackedNamespaces, BytesThatAreNotUtf8AreMadeVisible) {
  Snapshot snapshot;
  snapshot.namespaces.resize(1);
  snapshot.namespaces[0].name = "a\xff";
  snapshot.namespaces[0].sysctls = {{"net.a", "\xc3\xa4\xff"}};
  ASSERT_TRUE(put_namespaces(take_namespaces(snapshot), snapshot));
  EXPECT_EQ(snapshot.namespaces[0].name, "a\\xFF");
  EXPECT_EQ(snapshot.namespaces[0].sysctls.at("net.a"), "\xc3\xa4\\xFF");
}

struct BadCase {
  const char* name;
  std::string bytes;
  const char* says;
};
class RefusedNamespaces : public testing::TestWithParam<BadCase> {};

TEST_P(RefusedNamespaces, AreAnErrorOfOurs) {
  Snapshot snapshot;
  const auto put = put_namespaces(GetParam().bytes, snapshot);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::kInternal);
  EXPECT_THAT(put.error().message(), HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(Rows, RefusedNamespaces,
                         testing::Values(BadCase{"Nothing", "", "count is missing"},
                                         BadCase{"NoNamespace", "\1\0\0\0"s, "end too early"},
                                         BadCase{"AMillionNamespaces", "\0\0\x10\0\0\0\0"s, "end too early"},
                                         BadCase{"NameBeyondTheEnd", "\1\0\0\0\xff\xff\xff\xff"s, "end too early"},
                                         BadCase{"NoWordOfAPristineOne", "\0\0\0\0"s, "pristine one is missing"},
                                         BadCase{"PristineOneCutShort", "\0\0\0\0\1"s, "end too early"},
                                         BadCase{"PristineTwice", "\0\0\0\0\2"s, "more bytes"},
                                         BadCase{"TooMany", "\0\0\0\0\0\0"s, "more bytes"}),
                         [](const auto& row) { return row.param.name; });

TEST(PackedNamespaces, CutAnywhereTheyAreRefused) {
  Snapshot snapshot = samples::snapshot();
  const std::string bytes = take_namespaces(snapshot);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(put_namespaces(std::string_view(bytes).substr(0, size), snapshot)) << size;
  }
}

// One byte is another: refused, or read as something that has a place for it.
TEST(PackedNamespaces, ChangedAnywhereTheyDoNoHarm) {
  Snapshot snapshot = samples::snapshot();
  const std::string bytes = take_namespaces(snapshot);
  for (std::size_t place = 0; place < bytes.size(); ++place) {
    for (const char other : {'\0', '\1', '\x7f', '\xff'}) {
      std::string changed = bytes;
      changed[place] = other;
      static_cast<void>(put_namespaces(changed, snapshot));
    }
  }
}

}  // namespace
}  // namespace netns_lab::protocol
