// Objects that no scenario declares: each is found in its area, and in no other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/conformance/closed_world.h"
#include "harness/conformance/test_world.h"

namespace netns_lab {
namespace {

using namespace test_world;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FurtherObjects, AreFoundInTheirAreaAndInNoOther) {
  struct Row {
    FurtherObject object;
    Area area;
    const char* says;
  };
  const Row rows[] = {
      {{"xfrm state", "10.0.0.1 to 10.0.0.2", "protocol 50"},
       Area::kPacketFilters,
       "xfrm state 10.0.0.1 to 10.0.0.2 in the node: nobody declared it (protocol 50)"},
      {{"IP set", "left", "of the type hash:ip, IPv4"},
       Area::kPacketFilters,
       "IP set left in the node: nobody declared it (of the type hash:ip, IPv4)"},
      {{"multicast group", "239.1.1.1", " dev veth10"},
       Area::kForwarding,
       "multicast group 239.1.1.1 in the node: nobody declared it ( dev veth10)"},
      {{"multicast route", "239.1.1.1", "table 253"},
       Area::kRoutes,
       "multicast route 239.1.1.1 in the node: nobody declared it (table 253)"},
  };
  const Declaration declared = declaration_of(topology());
  for (const Row& row : rows) {
    Snapshot changed = after();
    changed.namespaces.front().further.push_back(row.object);
    for (const Area area : all_areas()) {
      const auto found = undeclared(area, before(), changed, declared);
      if (area == row.area) {
        EXPECT_THAT(found, ElementsAre(row.says));
      } else {
        EXPECT_THAT(found, IsEmpty()) << to_string(area);
      }
    }
  }
}

}  // namespace
}  // namespace netns_lab
