#include "harness/lab/qemu/kernel_modules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace netns_lab::qemu {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kDependencies =
    "kernel/net/bridge.ko: kernel/net/stp.ko kernel/net/llc.ko\n"
    "kernel/net/stp.ko: kernel/net/llc.ko\n"
    "kernel/net/llc.ko:\n"
    "kernel/net/8021q.ko.xz: kernel/net/mrp.ko.xz\n"
    "kernel/net/mrp.ko.xz:\n"
    "kernel/net/sch-netem.ko:\n"
    "kernel/net/a.ko: kernel/net/b.ko\n"
    "kernel/net/b.ko: kernel/net/a.ko\n";
constexpr auto kBuiltIn = "kernel/net/packet/af_packet.ko\nkernel/net/virtio-pci.ko\n";

ModulePlan plan(std::initializer_list<const char*> wanted) {
  return plan_modules(std::span(wanted.begin(), wanted.size()), kDependencies, kBuiltIn);
}

TEST(ModulePlan, LoadsWhatAModuleNeedsBeforeItAndNothingTwice) {
  EXPECT_THAT(plan({"bridge", "stp"}).files,
              ElementsAre("kernel/net/llc.ko", "kernel/net/stp.ko", "kernel/net/bridge.ko"));
}

TEST(ModulePlan, TellsWhatEachNeedsAsModulesDepDoes) {
  EXPECT_EQ(module_list(plan({"bridge"}), "/m"),
            "/m/kernel/net/llc.ko:\n"
            "/m/kernel/net/stp.ko: /m/kernel/net/llc.ko\n"
            "/m/kernel/net/bridge.ko: /m/kernel/net/stp.ko /m/kernel/net/llc.ko\n");
}

TEST(ModulePlan, PassesOverWhatIsBuiltInAndNamesWhatIsLacking) {
  const ModulePlan planned = plan({"af_packet", "virtio_pci", "wireguard"});
  EXPECT_THAT(planned.files, IsEmpty());
  EXPECT_THAT(planned.lacking, ElementsAre("wireguard"));
}

TEST(ModulePlan, KnowsCompressedFilesAndBothSpellings) {
  const ModulePlan planned = plan({"8021q", "sch_netem"});
  EXPECT_THAT(planned.files, ElementsAre("kernel/net/mrp.ko.xz", "kernel/net/8021q.ko.xz", "kernel/net/sch-netem.ko"));
  EXPECT_THAT(planned.lacking, IsEmpty());
}

TEST(ModulePlan, ACircleHasAnEnd) { EXPECT_THAT(plan({"a"}).files, ElementsAre("kernel/net/b.ko", "kernel/net/a.ko")); }

TEST(ModulePlan, NonsenseIsNoModule) {
  const std::array<const char*, 1> wanted = {"veth"};
  EXPECT_THAT(plan_modules(wanted, "no colon here\n:\n\xFF\n", "\n\n").lacking, ElementsAre("veth"));
}

TEST(ModulePlan, AFolderWithoutWhatTheMachineNeedsIsMissing) {
  const auto planned = plan_modules("/nosuch");
  ASSERT_FALSE(planned.has_value());
  EXPECT_EQ(planned.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(planned.error().message(), HasSubstr("virtio_pci"));
  EXPECT_THAT(planned.error().message(), HasSubstr("apt-get install linux-image-cloud-amd64"));
}

TEST(WantedModules, AreWhatTheScenariosAndTheMachineAreMadeOf) {
  const auto wanted = wanted_modules();
  for (const std::string name : {"veth", "bridge", "vxlan", "8021q", "macvlan", "ipvlan", "vrf", "wireguard", "geneve",
                                 "dummy", "tun", "sch_netem", "nf_tables", "nft_masq", "overlay", "virtio_console"}) {
    EXPECT_NE(std::find(wanted.begin(), wanted.end(), name), wanted.end()) << name;
  }
}

}  // namespace
}  // namespace netns_lab::qemu
