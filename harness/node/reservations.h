// Names that a run on this machine itself has for its own while it lasts, so that of two runs at once the second is
// refused before its target makes anything. Each is an abstract socket (unix(7)): of this network namespace, and gone
// with whoever holds it, however that ends. Threads: any.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/protocol/messages.h"

namespace netns_lab::node {

class Reservations {
 public:
  // All of it or, with an error, nothing more than was held. What is held already is no conflict. kTaken names the
  // thing; kSystem.
  Result<void> reserve(const protocol::ClaimRequest& wanted);
  void release(const protocol::ClaimRequest& held);

 private:
  std::mutex mutex_;
  std::map<std::string, UniqueFd> held_;  // by thing: "link veth1"
};

}  // namespace netns_lab::node
