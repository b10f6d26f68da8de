// udev, where a node is the machine itself: it looks at each new link some time after the kernel has made it, and may
// give it another MAC (systemd.link(5), MACAddressPolicy=persistent) or name. Judging begins when it is through.
//
//   NETNS_LAB_ASSIGN(auto manager, DeviceManager::watch(database));
//   manager.is_through_with(link.index)    else poll(manager.fd(), POLLIN), take_events(), and look again
#pragma once

#include <cstdint>
#include <string>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/node/agent.h"

namespace netns_lab::node {

// The machine's /run/udev, for AgentContext::device_manager: to be opened where that can be seen. Invalid: none.
UniqueFd open_device_manager();

// The folder in which udev keeps a file for each device it is through with (sd_device_get_is_initialized(3)), when it
// runs and knows the node's uplink. "" when it does not: nobody waits for it then. In the calling thread's network
// namespace.
std::string device_database(const AgentContext& context);

class DeviceManager {
 public:
  static Result<DeviceManager> watch(std::string database);

  bool is_through_with(std::uint32_t link_index) const;  // "n4" is there
  int fd() const { return events_.get(); }               // POLLIN: look again
  void take_events();

 private:
  DeviceManager(std::string database, UniqueFd events) : database_(std::move(database)), events_(std::move(events)) {}
  std::string database_;
  UniqueFd events_;
};

}  // namespace netns_lab::node
