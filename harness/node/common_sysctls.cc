#include "harness/node/common_sysctls.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "harness/node/sandbox_sysctl.h"

namespace netns_lab::node {
namespace {

constexpr std::size_t kMany = 4;  // so many namespaces that a procfs of their own may be worth it

void ask_for_differences(const Sysctls& own_when_new, const Sysctls& common, std::set<std::string>& keys) {
  auto expected = own_when_new.begin();
  auto seen = common.begin();
  while (expected != own_when_new.end() || seen != common.end()) {
    if (seen == common.end() || (expected != own_when_new.end() && expected->first < seen->first)) {
      keys.insert((expected++)->first);
    } else if (expected == own_when_new.end() || seen->first < expected->first) {
      keys.insert((seen++)->first);
    } else {
      if (expected->second != seen->second) keys.insert(seen->first);
      ++expected;
      ++seen;
    }
  }
}

}  // namespace

Result<Sysctls> common_sysctls(SysctlReader& reader, const NetworkNamespace& network_namespace,
                               const SnapshotOptions& options, const SysctlView& view) {
  if (options.all_sysctls) return reader.read_common(network_namespace, view);
  if (options.sysctls.empty()) return Sysctls{};
  return read_sysctls(network_namespace, options.sysctls);
}

Result<Sysctls> pristine_common_sysctls(SysctlReader& reader, const NetworkNamespace& fresh,
                                        const SnapshotOptions& options, const Sysctls* own_when_new,
                                        const std::vector<Sysctls>* compared) {
  if (!options.all_sysctls || own_when_new == nullptr) return common_sysctls(reader, fresh, options);
  std::set<std::string> keys;
  for (const auto& [key, value] : *own_when_new) {
    if (may_be_pinned(key)) keys.insert(key);
  }
  for (std::size_t i = 1; i < compared->size(); ++i) ask_for_differences(*own_when_new, (*compared)[i], keys);
  NETNS_LAB_ASSIGN(Sysctls values, read_sysctls(fresh, {keys.begin(), keys.end()}));
  for (const auto& [key, value] : *own_when_new) {
    if (keys.count(key) == 0) values.emplace_hint(values.end(), key, value);
  }
  return values;
}

std::size_t reading_threads(std::size_t namespaces) {
  constexpr std::size_t kShare = 3;
  const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
  return std::clamp<std::size_t>(namespaces / kShare, 1, processors);
}

CommonSysctls::CommonSysctls(SysctlReader& reader, std::vector<const NetworkNamespace*> namespaces,
                             const SnapshotOptions& options)
    : reader_(reader),
      namespaces_(std::move(namespaces)),
      options_(options),
      view_(options.all_sysctls && namespaces_.size() > kMany ? SysctlView::own() : SysctlView::usual()),
      results_(namespaces_.size()) {
  const std::size_t wanted = options.all_sysctls ? reading_threads(namespaces_.size()) : 0;
  // The last share is the caller's own, in finish().
  for (std::size_t i = 1; i < wanted; ++i) threads_.emplace_back([this] { work(); });
}

std::vector<Result<Sysctls>> CommonSysctls::finish() {
  work();
  join();
  return std::move(results_);
}

void CommonSysctls::work() {
  for (std::size_t i = next_++; i < namespaces_.size(); i = next_++)
    results_[i] = common_sysctls(reader_, *namespaces_[i], options_, view_);
}

void CommonSysctls::join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace netns_lab::node
