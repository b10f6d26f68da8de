// The sysctls that need no socket (all but the interfaces' own), of the namespaces of one look.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/snapshot.h"
#include "harness/netns/netns.h"
#include "harness/node/sysctl.h"
#include "harness/node/sysctl_reader.h"

namespace netns_lab::node {

// Those that `options` ask for: all, the named ones, or none.
Result<Sysctls> common_sysctls(SysctlReader& reader, const NetworkNamespace& network_namespace,
                               const SnapshotOptions& options, const SysctlView& view = SysctlView::usual());

// Of a namespace that is new: what the node's own were when it was new itself, but for those that the node has pinned,
// and those of which one of the namespaces to be compared (`compared`, the node's own first) has another value.
Result<Sysctls> pristine_common_sysctls(SysctlReader& reader, const NetworkNamespace& fresh,
                                        const SnapshotOptions& options, const Sysctls* own_when_new,
                                        const std::vector<Sysctls>* compared);

// On how many threads, the caller's own among them, so many namespaces are read: on no more than there are processors,
// and on a further one for every few namespaces, as one that reads a single namespace costs more than it gives (the
// processors have other labs to see to, and the kernel's locks are shared).
std::size_t reading_threads(std::size_t namespaces);

// Reads those of many namespaces on some threads: 580 small files each make them the bulk of a snapshot. What is given
// must outlive this.
class CommonSysctls {
 public:
  CommonSysctls(SysctlReader& reader, std::vector<const NetworkNamespace*> namespaces, const SnapshotOptions& options);
  CommonSysctls(const CommonSysctls&) = delete;
  CommonSysctls& operator=(const CommonSysctls&) = delete;
  ~CommonSysctls() { join(); }

  std::vector<Result<Sysctls>> finish();  // in the order given; once

 private:
  void work();
  void join();

  SysctlReader& reader_;
  std::vector<const NetworkNamespace*> namespaces_;
  const SnapshotOptions& options_;
  SysctlView view_;
  std::vector<Result<Sysctls>> results_;
  std::atomic<std::size_t> next_{0};
  std::vector<std::thread> threads_;
};

}  // namespace netns_lab::node
