#include "harness/node/agent_state.h"

#include <utility>

namespace netns_lab::node {

NetworkHandlesPool::Lease::~Lease() {
  if (!handles_) return;
  const std::lock_guard lock(pool_->mutex_);
  pool_->idle_.push_back(*std::move(handles_));
}

Result<NetworkHandlesPool::Lease> NetworkHandlesPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      NetworkHandles handles = std::move(idle_.back());
      idle_.pop_back();
      return Lease(*this, std::move(handles));
    }
  }
  NETNS_LAB_ASSIGN(NetworkHandles handles, NetworkHandles::create(namespace_directory_));
  return Lease(*this, std::move(handles));
}

AgentJournal::AgentJournal(const std::string& path) {
  if (!path.empty()) journal_.emplace(Journal::open(path));
}

Result<void> AgentJournal::before_sysctl(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (!journal_) return {};
  if (!*journal_) return tl::unexpected(journal_->error());
  return (*journal_)->before_sysctl(key);
}

Result<void> AgentJournal::before_link(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!journal_) return {};
  if (!*journal_) return tl::unexpected(journal_->error());
  return (*journal_)->before_link(name);
}

Result<void> AgentJournal::forget_link(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!journal_) return {};
  if (!*journal_) return tl::unexpected(journal_->error());
  return (*journal_)->forget_link(name);
}

Result<void> AgentJournal::before_nft_table(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!journal_) return {};
  if (!*journal_) return tl::unexpected(journal_->error());
  return (*journal_)->before_nft_table(name);
}

Result<void> AgentJournal::forget_nft_table(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!journal_) return {};
  if (!*journal_) return tl::unexpected(journal_->error());
  return (*journal_)->forget_nft_table(name);
}

void StopSignal::request() {
  const std::lock_guard lock(mutex_);
  cancellation_.request();
  for (const auto& stop : listeners_) stop();
}

StopSignal::Listener::Listener(StopSignal& signal, std::function<void()> stop) : signal_(signal) {
  const std::lock_guard lock(signal_.mutex_);
  if (signal_.requested()) stop();
  place_ = signal_.listeners_.insert(signal_.listeners_.end(), std::move(stop));
}

StopSignal::Listener::~Listener() {
  const std::lock_guard lock(signal_.mutex_);
  signal_.listeners_.erase(place_);
}

Result<Snapshot> FirstSnapshot::get(const std::function<Result<Snapshot>()>& take) {
  const std::lock_guard lock(mutex_);
  if (!kept_) {
    NETNS_LAB_ASSIGN(kept_, take());
  }
  return *kept_;
}

void NewNodeSysctls::keep(const Sysctls& own) {
  const std::lock_guard lock(mutex_);
  if (open_ && !kept_) kept_ = std::make_shared<const Sysctls>(own);
}

std::shared_ptr<const Sysctls> NewNodeSysctls::kept() const {
  const std::lock_guard lock(mutex_);
  return kept_;
}

NodeOrigin::NodeOrigin(const AgentContext& context)
    : context_(context),
      mounts_(context.namespace_directory,
              context.writable.empty() ? MountWatch::Mending::kOff : MountWatch::Mending::kOn) {}

std::vector<std::string> NodeOrigin::changed_set_up_files() { return files().changes(); }

void NodeOrigin::note() {
  static_cast<void>(files());
  static_cast<void>(mounts_.look());  // an error comes back at the next look
}

const SetUpFiles& NodeOrigin::files() {
  std::call_once(looked_, [this] { files_.emplace(context_); });
  return *files_;
}

AgentState::AgentState(AgentContext agent_context, OperationTable table)
    : context(std::move(agent_context)),
      operations(std::move(table)),
      network(context.namespace_directory),
      journal(context.journal),
      origin(context) {}

}  // namespace netns_lab::node
