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

// An entry that packets make is none of anybody's; none of these is sticky.
TEST(ForwardingEntries, AStickyOneWasMadeByHand) {
  const Declaration declared = declaration_of(topology());
  Snapshot changed = after();
  ForwardingEntry entry;
  entry.link = "veth1";
  entry.bridge = "br0";
  entry.mac = MacAddress({2, 0, 0, 0, 0, 9});
  entry.state = 0x02;  // NUD_REACHABLE
  changed.namespaces.front().forwarding = {entry};
  EXPECT_THAT(undeclared(Area::kForwarding, before(), changed, declared), IsEmpty());
  changed.namespaces.front().forwarding.front().flags = 0x40;  // NTF_STICKY
  EXPECT_THAT(undeclared(Area::kForwarding, before(), changed, declared),
              ElementsAre("forwarding entry in the node: nobody declared it (02:00:00:00:00:09 dev veth1 master br0 "
                          "sticky REACHABLE)"));
}

}  // namespace
}  // namespace netns_lab
