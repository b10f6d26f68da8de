// The handles of one session: numbers given to the tester for what it opened.
//
// Threading: every member from any thread. An object that is closed lives on until the calls on it have returned.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/node/handle.h"

namespace netns_lab::node {

class HandleTable {
 public:
  static constexpr std::size_t kMost = 1024;  // handles open at once

  // kInvalid when too many are open.
  Result<protocol::Handle> add(std::unique_ptr<HandleObject> object);
  // kInvalid when this session has no such handle.
  Result<std::shared_ptr<HandleObject>> find(protocol::Handle handle) const;
  Result<void> close(protocol::Handle handle, Deadline deadline);
  void close_all();  // at the end of a session, when no call is under way any more: every object is ended at once

 private:
  mutable std::mutex mutex_;
  std::map<protocol::Handle, std::shared_ptr<HandleObject>> objects_;
  protocol::Handle next_ = 1;
};

}  // namespace netns_lab::node
