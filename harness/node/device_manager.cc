#include "harness/node/device_manager.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace netns_lab::node {
namespace {

std::string entry(const std::string& database, std::uint32_t link_index) {
  return fmt::format("{}/n{}", database, link_index);
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace

UniqueFd open_device_manager() { return UniqueFd(::open("/run/udev", O_PATH | O_DIRECTORY | O_CLOEXEC)); }

std::string device_database(const AgentContext& context) {
  const std::string& directory = context.device_manager;
  if (directory.empty() || context.uplink.empty()) return "";
  // In a container, or a network namespace beside the machine's, udev may be seen and yet never see our links.
  const std::uint32_t uplink = ::if_nametoindex(context.uplink.c_str());
  std::string database = directory + "/data";
  return is_there(directory + "/control") && uplink != 0 && is_there(entry(database, uplink)) ? database : "";
}

Result<DeviceManager> DeviceManager::watch(std::string database) {
  UniqueFd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events.valid() || ::inotify_add_watch(events.get(), database.c_str(), IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0)
    return tl::unexpected(Error::system("watch the folder " + database, errno));
  return DeviceManager(std::move(database), std::move(events));
}

bool DeviceManager::is_through_with(std::uint32_t link_index) const { return is_there(entry(database_, link_index)); }

void DeviceManager::take_events() {
  std::array<char, 4096> ignored;
  while (::read(events_.get(), ignored.data(), ignored.size()) > 0) {
  }
}

}  // namespace netns_lab::node
