#include "harness/lab/qemu/guest_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <set>
#include <utility>

#include "harness/lab/qemu/kernel_modules.h"
#include "harness/lab/shared_libraries.h"
#include "harness/protocol/guest.h"

namespace netns_lab::qemu {
namespace {

struct NeededProgram {
  const char* name;
  const char* package;
};
constexpr NeededProgram kNeeded[] = {{"bash", "bash"}, {"ip", "iproute2"}};
constexpr const char* kPrograms[] = {"bash",
                                     "sh",
                                     "ip",
                                     "bridge",
                                     "ss",
                                     "tc",
                                     "nft",
                                     "iptables",
                                     "iptables-save",
                                     "iptables-restore",
                                     "ip6tables",
                                     "ip6tables-save",
                                     "ip6tables-restore",
                                     "sysctl",
                                     "socat",
                                     "ping",
                                     "arping",
                                     "nc",
                                     "tcpdump",
                                     "cat",
                                     "ls",
                                     "cp",
                                     "mv",
                                     "rm",
                                     "mkdir",
                                     "rmdir",
                                     "ln",
                                     "chmod",
                                     "chown",
                                     "touch",
                                     "sync",
                                     "stat",
                                     "head",
                                     "tail",
                                     "cut",
                                     "tr",
                                     "sort",
                                     "uniq",
                                     "wc",
                                     "tee",
                                     "seq",
                                     "sleep",
                                     "timeout",
                                     "env",
                                     "id",
                                     "date",
                                     "echo",
                                     "printf",
                                     "test",
                                     "[",
                                     "true",
                                     "false",
                                     "expr",
                                     "basename",
                                     "dirname",
                                     "readlink",
                                     "realpath",
                                     "mktemp",
                                     "uname",
                                     "whoami",
                                     "nproc",
                                     "kill",
                                     "find",
                                     "xargs",
                                     "grep",
                                     "sed",
                                     "awk",
                                     "ps",
                                     "pgrep",
                                     "pkill",
                                     "mount",
                                     "umount",
                                     "hostname",
                                     "dmesg",
                                     "lsmod",
                                     "nsenter",
                                     "unshare"};
constexpr const char* kFolders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
// Extensions that programs load by name, and tables they read.
constexpr const char* kBelow[] = {"/usr/lib/x86_64-linux-gnu/xtables", "/etc/iproute2", "/usr/share/iproute2"};
constexpr const char* kFiles[] = {"/etc/protocols", "/etc/services", "/etc/ld.so.cache", "/etc/ethertypes"};

struct TextFile {
  const char* path;
  const char* text;
};
constexpr TextFile kTexts[] = {
    {"/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"},
    {"/etc/group", "root:x:0:\n"},
    {"/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"},
    {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nprotocols: files\nservices: files\n"},
    {"/etc/hostname", "netns-lab\n"}};

std::string find_here(const std::string& name) {
  for (const char* folder : kFolders) {
    const std::string path = fmt::format("{}/{}", folder, name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

Result<std::vector<std::string>> add_programs(FileTree& tree) {
  for (const NeededProgram& needed : kNeeded) {
    if (!find_here(needed.name).empty()) continue;
    return tl::unexpected(Error::missing("put this machine's programs into a virtual machine",
                                         fmt::format("there is no {} here", needed.name),
                                         fmt::format("apt-get install {}", needed.package)));
  }
  std::vector<std::string> programs;
  for (const char* name : kPrograms) {
    const std::string path = find_here(name);
    if (path.empty()) continue;
    NETNS_LAB_TRY(tree.add_ours(path));
    programs.push_back(path);
  }
  return programs;
}

Result<void> add_modules(FileTree& tree, const KernelImage& kernel, Disk disk) {
  NETNS_LAB_ASSIGN(const ModulePlan plan, plan_modules(kernel.modules, disk));
  const std::string folder = "/usr/lib/modules/" + kernel.release;
  for (const std::string& file : plan.files) {
    NETNS_LAB_TRY(tree.add_ours(kernel.modules + "/" + file, fmt::format("{}/{}", folder, file)));
  }
  std::string lacking;
  for (const std::string& name : plan.lacking) {
    lacking += fmt::format("kernel {} has no {} ({})\n", kernel.release, name, kernel_option(name));
  }
  tree.add_text(protocol::kModuleList, module_list(plan, folder));
  tree.add_text(protocol::kLackingList, std::move(lacking));
  return {};
}

}  // namespace

std::span<const char* const> guest_programs() { return kPrograms; }

Result<FileTree> guest_files(const std::string& program, const KernelImage& kernel, const std::string& disk) {
  FileTree tree;
  // As they are here, so that paths mean the same: /bin and /lib are links or folders.
  for (const char* path : {"/bin", "/sbin", "/lib", "/lib64"}) {
    if (::access(path, F_OK) == 0) NETNS_LAB_TRY(tree.add_ours(path));
  }
  for (const char* path :
       {"/proc", "/sys", "/dev", "/run", "/tmp", "/home", "/opt", "/mnt", "/var", "/usr/local/bin"}) {
    tree.add_folder(path);
  }
  tree.add_folder("/root", 0700);
  for (const TextFile& file : kTexts) tree.add_text(file.path, file.text);
  NETNS_LAB_ASSIGN(std::vector<std::string> programs, add_programs(tree));
  programs.push_back(program);
  NETNS_LAB_TRY(tree.add_ours(program, protocol::kGuestProgram));
  for (const char* folder : kBelow) NETNS_LAB_TRY(tree.add_ours_below(folder));
  for (const char* path : kFiles) {
    if (::access(path, R_OK) == 0) NETNS_LAB_TRY(tree.add_ours(path));
  }
  NETNS_LAB_ASSIGN(const std::set<std::string> libraries, libraries_of(programs));
  for (const std::string& library : libraries) NETNS_LAB_TRY(tree.add_ours(library));
  if (!tree.contains("/lib64/ld-linux-x86-64.so.2")) NETNS_LAB_TRY(tree.add_ours(kLoader));
  NETNS_LAB_TRY(add_modules(tree, kernel, disk.empty() ? Disk::kNone : Disk::kExt4));
  if (!disk.empty()) tree.add_text(protocol::kDiskMark, disk + "\n");
  return tree;
}

}  // namespace netns_lab::qemu
