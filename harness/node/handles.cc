#include "harness/node/handles.h"

#include <fmt/format.h>

#include <utility>

namespace netns_lab::node {
namespace {

Error no_such_handle(protocol::Handle handle) {
  return Error::invalid(fmt::format("use handle {}", handle), "this session has no such handle, or has closed it");
}

}  // namespace

Result<protocol::Handle> HandleTable::add(std::unique_ptr<HandleObject> object) {
  const std::lock_guard lock(mutex_);
  if (objects_.size() >= kMost) {
    return tl::unexpected(Error::invalid("open a handle", fmt::format("{} are open in this session", objects_.size()),
                                         "close those that are no longer needed"));
  }
  const protocol::Handle handle = next_++;
  objects_.emplace(handle, std::move(object));
  return handle;
}

Result<std::shared_ptr<HandleObject>> HandleTable::find(protocol::Handle handle) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(handle);
  if (found == objects_.end()) return tl::unexpected(no_such_handle(handle));
  return found->second;
}

Result<void> HandleTable::close(protocol::Handle handle, Deadline deadline) {
  std::shared_ptr<HandleObject> object;
  {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(handle);
    if (found == objects_.end()) return tl::unexpected(no_such_handle(handle));
    object = std::move(found->second);
    objects_.erase(found);
  }
  return object->close(deadline);
}

void HandleTable::close_all() {
  std::map<protocol::Handle, std::shared_ptr<HandleObject>> objects;
  {
    const std::lock_guard lock(mutex_);
    objects.swap(objects_);
  }
}

}  // namespace netns_lab::node
