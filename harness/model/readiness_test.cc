#include "harness/model/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <linux/if_addr.h>

namespace netns_lab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint32_t kLink = 7;

InterfaceAddress address(const char* text, std::uint32_t flags = IFA_F_PERMANENT, std::uint32_t link = kLink) {
  InterfaceAddress made;
  made.link_index = link;
  made.prefix = Prefix::parse(text).value();
  made.flags = flags;
  return made;
}

Route route(const char* text, std::uint32_t table, RouteType type) {
  Route made;
  made.destination = Prefix::parse(text).value();
  made.table = table;
  made.type = type;
  return made;
}

struct Row {
  const char* name;
  InterfaceAddress given;
  std::vector<Route> routes;
  bool in_use;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Readiness : public testing::TestWithParam<Row> {};

TEST_P(Readiness, IsToldByTheLocalRoute) {
  const auto missing = addresses_not_in_use_yet({GetParam().given}, GetParam().routes, kLink);
  if (GetParam().in_use) {
    EXPECT_THAT(missing, IsEmpty());
  } else {
    EXPECT_THAT(missing, ElementsAre(GetParam().given.prefix.address));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Readiness,
    testing::Values(
        Row{"WithItsLocalRoute", address("fd00::1/64"), {route("fd00::1/128", 255, RouteType::kLocal)}, true},
        Row{"WithoutAnyRoute", address("fd00::1/64"), {}, false},
        Row{"WithOnlyItsPrefixRoute", address("fd00::1/64"), {route("fd00::/64", 254, RouteType::kUnicast)}, false},
        Row{"WithAnotherAddressesRoute", address("fd00::1/64"), {route("fd00::2/128", 255, RouteType::kLocal)}, false},
        Row{"WithALocalRouteInAnotherTable",
            address("fd00::1/64"),
            {route("fd00::1/128", 254, RouteType::kLocal)},
            false},
        Row{"InDuplicateAddressDetection", address("fd00::1/64", IFA_F_TENTATIVE), {}, true},
        Row{"FoundToBeADuplicate", address("fd00::1/64", IFA_F_DADFAILED), {}, true},
        Row{"OfAnotherLink", address("fd00::1/64", IFA_F_PERMANENT, kLink + 1), {}, true},
        Row{"OfIpv4", address("10.0.0.1/24"), {}, true}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab
