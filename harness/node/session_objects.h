// What one session has made on the node, so that it goes with the session.
//
//   NETNS_LAB_TRY(objects.apply(*network, request.changes));   // does the changes, and remembers how to undo them
//   objects.remove(*network, claimed);                          // at the end
//
// Remembered are: named namespaces, links of the node's own namespace, and there, too, addresses, routes, rules,
// neighbours, sysctls and nft tables that do not go with such a link. What was there before is never taken for the
// session's own. What a session changes inside a namespace goes with that namespace; inside one that it did not make,
// nobody undoes it. Threading: every member from any thread; changes of one session are done one list after the other.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/change.h"
#include "harness/node/agent_state.h"
#include "harness/node/tun_relay.h"
#include "harness/protocol/messages.h"

namespace netns_lab::node {

class SessionObjects {
 public:
  SessionObjects(std::string namespace_directory, AgentJournal& journal, TunRelays& relays);

  Result<void> apply(NetworkHandles& network, const std::vector<Change>& changes);
  // A file that `put` is about to write; remembered when it is not there yet, with the folders above it that are not.
  void before_file(const std::string& path);
  // That it has been written, with these contents.
  void after_file(const std::string& path, std::uint32_t mode, std::string_view bytes);
  // What is left of a snapshot's files when those that were put, and the folders made for them, are taken out: they are
  // the tester's, not the target's. One that is no longer as it was put stays: "/home/ubuntu/env.sh (changed)"; whether
  // it may be executed does not count.
  std::vector<std::string> without_put(std::vector<std::string> files) const;
  bool empty() const;
  // Removes everything remembered, and what of `claimed` is there. Goes on after errors and returns them.
  std::vector<Error> remove(NetworkHandles& network, const protocol::ClaimRequest& claimed);

 private:
  bool belongs_to_own_link(const std::string& network_namespace, const std::string& link) const;
  bool must_be_undone(const Change& change) const;
  Result<void> apply_alone(NetworkHandles& network, const Change& change);
  Result<void> start_relay(NetworkHandles& network, const CreateTunRelay& change);
  Result<void> apply_batch(NetworkHandles& network, const std::vector<Change>& changes);
  Result<void> remove_nft_table(NetworkHandles& network, const std::string& name);
  void follow(const Change& change);
  bool has_namespace(const std::string& name) const;

  mutable std::mutex mutex_;
  std::string namespace_directory_;
  AgentJournal& journal_;
  TunRelays& relays_;
  std::set<std::string> namespaces_;
  std::set<std::string> links_;     // of the node's own namespace
  std::vector<Change> undo_;        // in the order in which they were done
  std::vector<std::string> paths_;  // files and folders, parents first
  struct PutFile {
    std::uint32_t mode = 0;
    std::size_t size = 0;
    std::size_t digest = 0;
  };
  // "changed", "mode 600, it was 644"; "" nothing.
  static std::string what_changed(const std::string& path, const PutFile& put);
  std::map<std::string, PutFile> put_;  // files that were put, new or not
};

}  // namespace netns_lab::node
