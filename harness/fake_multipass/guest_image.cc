#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

#include "harness/fake_multipass/guest.h"
#include "harness/lab/qemu/guest_files.h"
#include "harness/lab/qemu/kernel_modules.h"
#include "harness/lab/shared_libraries.h"
#include "harness/protocol/guest.h"

namespace netns_lab::fake_multipass {
namespace {

constexpr auto kDiskFolder = "/disk";
// Beyond what a machine of ours has: the bundle is unpacked with them, and modules are loaded.
constexpr const char* kPrograms[] = {"/usr/bin/tar", "/usr/bin/dd", "/usr/bin/install", "/usr/bin/kmod",
                                     "/usr/sbin/modprobe"};
constexpr const char* kIndexes[] = {
    "modules.dep",     "modules.dep.bin",         "modules.alias",   "modules.alias.bin",
    "modules.symbols", "modules.symbols.bin",     "modules.builtin", "modules.builtin.bin",
    "modules.softdep", "modules.builtin.modinfo", "modules.order"};
constexpr std::array kAtBoot = {"virtio_pci", "virtio_console", "virtio_blk", "virtio_net", "crc32c_generic", "ext4"};

constexpr auto kSudo = R"(#!/bin/sh
# Everybody is root here.
while [ "${1#-}" != "$1" ]; do shift; done
exec "$@"
)";
constexpr auto kCloudInit = R"(#!/bin/sh
echo 'status: done'
)";

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

Result<std::string> guest_image(const std::string& program, const qemu::KernelImage& kernel) {
  NETNS_LAB_ASSIGN(qemu::FileTree tree, qemu::guest_files(program, kernel, kDiskFolder));
  for (const char* path : kPrograms) NETNS_LAB_TRY(tree.add_ours(path));
  NETNS_LAB_ASSIGN(const std::set<std::string> libraries, libraries_of({std::begin(kPrograms), std::end(kPrograms)}));
  for (const std::string& library : libraries) NETNS_LAB_TRY(tree.add_ours(library));
  const std::string modules = "/usr/lib/modules/" + kernel.release;
  for (const char* index : kIndexes) {
    const std::string here = kernel.modules + "/" + index;
    if (::access(here.c_str(), R_OK) == 0) NETNS_LAB_TRY(tree.add_ours(here, modules + "/" + index));
  }
  const qemu::ModulePlan plan = qemu::plan_modules(kAtBoot, read_file(kernel.modules + "/modules.dep"),
                                                   read_file(kernel.modules + "/modules.builtin"));
  tree.add_text(protocol::kModuleList, qemu::module_list(plan, modules));
  tree.add_text("/usr/bin/sudo", kSudo, 0755);
  tree.add_text("/usr/bin/cloud-init", kCloudInit, 0755);
  return tree.archive();
}

}  // namespace netns_lab::fake_multipass
