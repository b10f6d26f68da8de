// Which names belong to which session of this agent. A session claims before it builds, so that two runs at once, or a
// run on a machine where a name is in use, fail with one clear line and with nothing touched.
//
// Threading: every member from any thread; claims are judged one after the other.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/cancellation.h"
#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/protocol/messages.h"

namespace netns_lab::node {

using SessionNumber = std::uint64_t;

// What of the wanted names is in use on the node, looked up by `claim` after no other session was found to have them.
// kTaken names the thing.
using InUseCheck = std::function<Result<void>(const protocol::ClaimRequest& wanted)>;

class Claims {
 public:
  // A session that may claim from now on. `is_ending` says whether its stream is gone already: whoever wants its names
  // then waits for it.
  void enter(SessionNumber session, std::function<bool()> is_ending);
  // All of it or, with an error, nothing. What the session has claimed before is no conflict and is not looked up
  // again: claiming once more only changes `keep`. kInvalid for names that no kernel takes; kTaken; kTimeout,
  // kCancelled while waiting for a session that is ending.
  Result<void> claim(SessionNumber session, const protocol::ClaimRequest& wanted, const InUseCheck& in_use,
                     Deadline deadline, const Cancellation& cancellation);
  // Everything the session has claimed, with `keep` as it was said last.
  protocol::ClaimRequest of(SessionNumber session) const;
  // Its names are free again. Call it when what it had made is gone.
  void leave(SessionNumber session);

 private:
  struct Holder {
    protocol::ClaimRequest claimed;
    std::function<bool()> is_ending;
  };
  struct Conflict {
    SessionNumber session = 0;
    std::string thing;  // "namespace netns1"
    bool is_ending = false;
  };
  // The first of the wanted names that another session has.
  std::optional<Conflict> find_conflict(SessionNumber session, const protocol::ClaimRequest& wanted) const;

  mutable std::mutex mutex_;
  std::condition_variable left_;
  std::map<SessionNumber, Holder> holders_;
};

// Whether the kernel takes it as the name of a link (1 to 15 bytes, no '/', no
// blanks; dev_valid_name(), net/core/dev.c).
Result<void> check_link_name(const std::string& name);

}  // namespace netns_lab::node
