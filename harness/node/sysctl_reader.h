// Reads all network sysctls of namespaces, again and again, without opening every file every time.
//
// Of some 600 files most are an interface's own: 130 each. The kernel gives the same settings as opaque bytes in two
// netlink dumps (netlink/link_settings.h). What bytes meant which values is remembered: an interface with known bytes,
// in any namespace, is not read at all, and of one that differs from a known one in a few numbers, their files alone.
// And which keys there are is listed once; a module that comes or goes
// (/proc/modules) has it listed anew. Threads: both may run on several at once.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/netlink/link_settings.h"
#include "harness/netns/netns.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {

// A procfs of our own (fsopen(2)), mounted nowhere, for reading many namespaces. The kernel files what it has looked up
// below /proc/sys/net under its name alone, whichever namespace it was for: with a thousand namespaces each open(2)
// goes through a thousand entries (proc_sys_compare, fs/proc/proc_sysctl.c). In a procfs of its own each batch starts
// anew. Where none can be had it is /proc.
class SysctlView {
 public:
  static SysctlView usual() { return SysctlView(UniqueFd()); }
  static SysctlView own();
  bool is_own() const { return proc_.valid(); }

  // /proc/sys/net of the namespace that the calling thread is in.
  Result<UniqueFd> open_top() const;

 private:
  explicit SysctlView(UniqueFd proc) : proc_(std::move(proc)) {}
  UniqueFd proc_;  // invalid: /proc
};

class SysctlReader {
 public:
  // `own`: the node's own namespace, which must outlive this.
  explicit SysctlReader(const NetworkNamespace& own) : own_(own) {}

  // All keys but the interfaces' own.
  Result<Sysctls> read_common(const NetworkNamespace& network_namespace, const SysctlView& view = SysctlView::usual());
  // The interfaces' own. `socket` is a route socket of the namespace.
  Result<Sysctls> read_interfaces(const NetworkNamespace& network_namespace, netlink::NetlinkSocket& socket);

 private:
  struct Folder {
    std::string path;  // below /proc/sys/net; "." is that itself
    std::vector<std::string> files;
  };
  struct Keys {
    std::vector<Folder> folders;
    std::array<std::vector<std::string>, 4> interface_files;  // of an interface, by tree (kTrees in the .cc)
    std::string modules;
  };
  using Values = std::vector<std::pair<std::string, std::string>>;                  // file, value
  using Meanings = std::unordered_map<std::string, std::shared_ptr<const Values>>;  // settings -> values

  static Result<Keys> list_keys();
  static Result<void> list_folder(int top, const std::string& path, Keys& keys);
  // Listed in the node's own: the machine's initial namespace has keys that others lack, no other has any that it
  // lacks. What is not there when it is read is passed over.
  Result<std::shared_ptr<const Keys>> keys_listed();
  std::shared_ptr<const Values> remembered(std::size_t tree, const std::string& settings) const;
  // Of one interface in one tree (kTrees in the .cc), whose folder is open.
  static std::shared_ptr<const Values> read_files(const Keys& keys, std::size_t tree, int folder);
  // The same, from what is remembered, and `also`, and the files of the numbers that differ; null when that is not
  // known.
  std::shared_ptr<const Values> read_differing_files(std::size_t tree, const std::string& settings,
                                                     const Meanings& also, int folder) const;

  const NetworkNamespace& own_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Keys> keys_;
  std::array<Meanings, 4> meanings_;  // by tree
};

}  // namespace netns_lab::node
