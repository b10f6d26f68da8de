// Which kernel modules a virtual machine of ours loads, and in what order: no modprobe runs in it.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab::qemu {

struct ModulePlan {
  std::vector<std::string> files;                         // below the folder of modules, what is needed first
  std::map<std::string, std::vector<std::string>> needs;  // of each: other files
  std::vector<std::string> lacking;                       // of those wanted: neither built in nor there
  bool operator==(const ModulePlan&) const = default;
};

// What networks are made of, what the harness observes with, and what the machine itself needs.
std::span<const char* const> wanted_modules();
// The option of the kernel's configuration that one of them is built by: "CONFIG_BRIDGE" of "bridge"; "" of another.
std::string kernel_option(std::string_view name);

// `dependencies` and `built_in` are the texts of modules.dep and modules.builtin (depmod(8)). A name's '-' and '_' are
// the same. A name that is no module may still be in the kernel for good without being named anywhere: `lacking` is
// what nobody names.
ModulePlan plan_modules(std::span<const char* const> wanted, std::string_view dependencies, std::string_view built_in);

// Of the modules in this folder (/lib/modules/RELEASE). kMissing when it lacks what the machine itself needs, or its
// disk.
enum class Disk { kNone, kExt4 };
Result<ModulePlan> plan_modules(const std::string& folder, Disk disk = Disk::kNone);

// What tells the machine's first process of a plan (protocol::kModuleList): a module a line, in a folder there, as
// modules.dep has it.
std::string module_list(const ModulePlan& plan, const std::string& folder);

}  // namespace netns_lab::qemu
