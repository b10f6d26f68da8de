// Which link-local addresses are the kernel's: one that somebody added again is, too, as long as it is the same.
#include "harness/conformance/kernel_made.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <linux/if_addr.h>

#include <string>

#include "harness/conformance/test_world.h"

namespace netns_lab {
namespace {

using namespace test_world;

struct AddressRow {
  const char* name;
  void (*change)(InterfaceAddress&);
  bool is_kernel_made;
};
void PrintTo(const AddressRow& row, std::ostream* out) { *out << row.name; }
class LinkLocalAddress : public ::testing::TestWithParam<AddressRow> {};

TEST_P(LinkLocalAddress, IsTheKernelsAsItIsMade) {
  const Snapshot world = after();
  const NamespaceState& node = *world.find_namespace("");
  InterfaceAddress address = node.addresses.back();
  ASSERT_TRUE(is_kernel_made_address(address, node)) << address;
  GetParam().change(address);
  EXPECT_EQ(is_kernel_made_address(address, node), GetParam().is_kernel_made) << address;
}

constexpr AddressRow kRows[] = {
    {"AddedByHandWithoutDetection", [](InterfaceAddress& a) { a.flags |= IFA_F_NODAD; }, true},
    {"Tentative", [](InterfaceAddress& a) { a.flags |= IFA_F_TENTATIVE | IFA_F_OPTIMISTIC; }, true},
    {"TakenBySomebodyElse", [](InterfaceAddress& a) { a.flags |= IFA_F_DADFAILED; }, true},
    {"Home", [](InterfaceAddress& a) { a.flags |= IFA_F_HOMEADDRESS; }, false},
    {"TemplateOfTemporaryOnes", [](InterfaceAddress& a) { a.flags |= IFA_F_MANAGETEMPADDR; }, false},
    {"WithoutRoute", [](InterfaceAddress& a) { a.flags |= IFA_F_NOPREFIXROUTE; }, false},
    {"Deprecated", [](InterfaceAddress& a) { a.flags |= IFA_F_DEPRECATED; }, false},
    {"PreferredForATime", [](InterfaceAddress& a) { a.preferred_lifetime = 600; }, false},
    {"ValidForATime", [](InterfaceAddress& a) { a.valid_lifetime = 600; }, false},
    {"WithAPeer", [](InterfaceAddress& a) { a.peer = ip("fe80::77"); }, false},
    {"OfAnotherScope", [](InterfaceAddress& a) { a.scope = Scope::kGlobal; }, false},
};
INSTANTIATE_TEST_SUITE_P(Rows, LinkLocalAddress, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace netns_lab
