// What the sessions of one agent share.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/build_id.h"
#include "harness/base/cancellation.h"
#include "harness/model/snapshot.h"
#include "harness/node/agent.h"
#include "harness/node/claims.h"
#include "harness/node/journal.h"
#include "harness/node/leftovers.h"
#include "harness/node/mount_watch.h"
#include "harness/node/network_handles.h"
#include "harness/node/new_links.h"
#include "harness/node/operation.h"
#include "harness/node/reservations.h"
#include "harness/node/sysctl.h"
#include "harness/node/tun_relay.h"

namespace netns_lab::node {

// Netlink handles for one thread at a time, kept for the next: opening them costs more than most requests.
class NetworkHandlesPool {
 public:
  explicit NetworkHandlesPool(std::string namespace_directory) : namespace_directory_(std::move(namespace_directory)) {}

  // Give-back on destruction. The calling thread must be in the node's own namespace.
  class Lease {
   public:
    Lease(NetworkHandlesPool& pool, NetworkHandles handles) : pool_(&pool), handles_(std::move(handles)) {}
    Lease(Lease&& other) noexcept : pool_(other.pool_), handles_(std::exchange(other.handles_, std::nullopt)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    NetworkHandles& operator*() { return *handles_; }
    NetworkHandles* operator->() { return &*handles_; }

   private:
    NetworkHandlesPool* pool_;
    std::optional<NetworkHandles> handles_;
  };
  Result<Lease> take();

 private:
  std::string namespace_directory_;
  std::mutex mutex_;
  std::vector<NetworkHandles> idle_;
};

// The journal of a node that shares things with the machine (journal.h); does nothing where there is none. Any thread.
class AgentJournal {
 public:
  explicit AgentJournal(const std::string& path);  // "" : none
  Result<void> before_sysctl(const std::string& key);
  Result<void> before_link(const std::string& name);
  Result<void> forget_link(const std::string& name);
  Result<void> before_nft_table(const std::string& name);
  Result<void> forget_nft_table(const std::string& name);

 private:
  std::mutex mutex_;
  std::optional<Result<Journal>> journal_;
};

// "Stop", said once, to whoever listens: somebody that polls its descriptor, and the sessions. Any thread.
class StopSignal {
 public:
  void request();
  bool requested() const { return cancellation_.requested(); }
  int fd() const { return cancellation_.fd(); }  // POLLIN once requested

  // Calls `stop` when stop is said, or at once when it was said already, until destroyed. `stop` must not wait.
  class Listener {
   public:
    Listener(StopSignal& signal, std::function<void()> stop);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener();

   private:
    StopSignal& signal_;
    std::list<std::function<void()>>::iterator place_;
  };

 private:
  std::mutex mutex_;
  std::list<std::function<void()>> listeners_;
  Cancellation cancellation_;
};

// What the node was like when its lab was made: taken once, when first asked for, and kept. Any thread.
class FirstSnapshot {
 public:
  // The errors of `take`; the next to ask takes it then.
  Result<Snapshot> get(const std::function<Result<Snapshot>()>& take);

 private:
  std::mutex mutex_;
  std::optional<Snapshot> kept_;
};

// The node's own sysctls when its namespace was new, for comparison with other new ones (network_state.h). Known only
// to the private lab whose first reading of them came before anybody could have changed one. Any thread.
class NewNodeSysctls {
 public:
  void open() { open_ = true; }    // the namespace is new, until close()
  void close() { open_ = false; }  // somebody is let loose on the node
  void keep(const Sysctls& own);   // does nothing when it is not new any more, or when some are kept
  std::shared_ptr<const Sysctls> kept() const;

 private:
  std::atomic<bool> open_{false};
  mutable std::mutex mutex_;
  std::shared_ptr<const Sysctls> kept_;
};

// How the node was before any command ran, to tell what of its files and mounts was changed. Any thread.
class NodeOrigin {
 public:
  explicit NodeOrigin(const AgentContext& context);
  // The first call is the look that all later ones are compared with.
  Result<MountLook> mounts() { return mounts_.look(); }
  std::vector<std::string> changed_set_up_files();
  void note();  // makes the first look, where nobody has yet
  NewNodeSysctls& sysctls() { return sysctls_; }
  NewLinks& links() { return links_; }

 private:
  const SetUpFiles& files();

  const AgentContext& context_;
  MountWatch mounts_;
  NewNodeSysctls sysctls_;
  NewLinks links_;
  std::once_flag looked_;
  std::optional<SetUpFiles> files_;
};

struct AgentState {
  AgentState(AgentContext agent_context, OperationTable table);

  const AgentContext context;
  const OperationTable operations;
  const std::string build = build_id();
  Claims claims;
  Reservations reservations;
  NetworkHandlesPool network;
  AgentJournal journal;
  TunRelays relays;
  StopSignal stop;  // somebody said shutdown
  FirstSnapshot first_snapshot;
  NodeOrigin origin;
};

}  // namespace netns_lab::node
