#include "harness/node/await_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "harness/base/text.h"
#include "harness/model/readiness.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/monitor.h"
#include "harness/netlink/route.h"
#include "harness/netns/named.h"
#include "harness/netns/netns.h"
#include "harness/node/device_manager.h"
#include "harness/node/kernel_work.h"

namespace netns_lab::node {
namespace {

using netlink::Links;
using netlink::Monitor;
using LinkState = protocol::AwaitRequest::LinkState;

// Kinds whose operstate stays UNKNOWN for ever when they work: lo, an empty bridge, vxlan, tap. A veth always reports
// UP or a reason not to be, and so does a bridge with ports, a moment after the first of them forwards.
bool is_operational(const Link& link, const netlink::Links& links) {
  if (!link.is_up()) return false;
  if (link.operstate != OperState::kUnknown) return link.operstate == OperState::kUp;
  const bool has_ports = std::any_of(links.all().begin(), links.all().end(),
                                     [&](const auto& entry) { return entry.second.master == link.index; });
  return link.kind != "veth" && !has_ports;
}

std::string in_place(const std::string& network_namespace) {
  return network_namespace.empty() ? std::string() : " in " + network_namespace;
}

std::string seen(const Link* link) {
  if (link == nullptr) return "absent";
  return fmt::format("<{}> operstate {}", link->flags_text(), to_string(link->operstate));
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

// The names in the folder and the mounts on them. Creating and removing a file is told by inotify; the mount that makes
// a file a namespace comes after it and is told by the mount table (POLLPRI on mountinfo, proc(5)).
//
// Performance: closing an inotify descriptor waits for an SRCU grace period (fsnotify_wait_marks_destroyed,
// fs/notify/mark.c), 10 to 15 ms. So it is opened only when a name itself is waited for; that a name is taken away
// while a link behind it is waited for is told by the mount table.
class NameWatch {
 public:
  static Result<NameWatch> open() {
    UniqueFd mounts(::open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC));
    if (!mounts.valid()) return tl::unexpected(Error::system("watch the mount table", errno));
    return NameWatch(std::move(mounts));
  }
  bool watches_files() const { return names_.valid(); }
  Result<void> watch_files(const std::string& directory) {
    UniqueFd names(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!names.valid()) return tl::unexpected(Error::system("watch the folder " + directory, errno));
    // A folder that is not there yet: the mounts will tell.
    if (::inotify_add_watch(names.get(), directory.c_str(), IN_CREATE | IN_DELETE | IN_MOVE | IN_ONLYDIR) < 0 &&
        errno != ENOENT) {
      return tl::unexpected(Error::system("watch the folder " + directory, errno));
    }
    names_ = std::move(names);
    return {};
  }
  int names_fd() const { return names_.get(); }
  int mounts_fd() const { return mounts_.get(); }
  void take_events() {
    std::array<char, 4096> ignored;
    while (names_.valid() && ::read(names_.get(), ignored.data(), ignored.size()) > 0) {
    }
  }

 private:
  explicit NameWatch(UniqueFd mounts) : mounts_(std::move(mounts)) {}
  UniqueFd names_;
  UniqueFd mounts_;
};

class Waiter {
 public:
  Waiter(NetworkHandles& handles, const protocol::AwaitRequest& wanted, NameWatch watch,
         std::optional<DeviceManager> device_manager)
      : handles_(handles), wanted_(wanted), watch_(std::move(watch)), device_manager_(std::move(device_manager)) {
    for (const LinkState& link : wanted.links) places_.try_emplace(link.network_namespace);
  }

  Result<void> run(Deadline deadline, const AwaitOptions& options) {
    bool is_last_look = !options.kernel_deadline;
    for (;;) {
      NETNS_LAB_TRY(look());
      if (hurry()) NETNS_LAB_TRY(look());
      std::vector<std::string> lacking = missing();
      if (lacking.empty()) {
        NETNS_LAB_ASSIGN(lacking, unready());
      }
      if (lacking.empty()) return {};
      if (!watch_.watches_files() && waits_for_names()) {
        NETNS_LAB_TRY(watch_.watch_files(handles_.namespace_directory()));
        continue;  // what happened before the watch was there is seen by looking again
      }
      NETNS_LAB_ASSIGN(const bool more, wait_for_news(deadline, options.cancel_fd, lacking));
      if (more) continue;
      if (is_last_look) return tl::unexpected(Error::timeout("wait for the node's networks", join(lacking, "; ")));
      auto finished = let_kernel_finish(*options.kernel_deadline, options.cancel_fd);
      // What a control of ours lacks is no finding about the network.
      if (!finished && finished.error().kind != ErrorKind::kCancelled)
        return tl::unexpected(Error::internal("wait for the node's networks", finished.error().message()));
      NETNS_LAB_TRY(finished);
      is_last_look = true;
    }
  }

 private:
  struct Place {
    std::optional<Monitor> monitor;
    NamespaceIdentity identity;
    std::map<std::uint32_t, std::pair<std::uint32_t, OperState>> asked{};  // by index: flags, operstate
  };

  Result<void> let_kernel_finish(Deadline deadline, int cancel_fd) {
    for (auto& [name, place] : places_) place.asked.clear();
    hurry();  // a carrier that is told puts off more work
    const auto is_present = [](const LinkState& link) { return link.present; };
    const auto& links = wanted_.links;
    if (std::any_of(links.begin(), links.end(), is_present)) NETNS_LAB_TRY(await_address_work(deadline, cancel_fd));
    const bool waits_for_deletion =
        !wanted_.absent_namespaces.empty() || !std::all_of(links.begin(), links.end(), is_present);
    if (waits_for_deletion) NETNS_LAB_TRY(await_reaping(deadline, cancel_fd));
    // A link that is reaped beside the control is listed no more, but that may not have been told yet.
    for (auto& [name, place] : places_) place = {};
    return {};
  }

  // Opens what has appeared, lets go of what has gone: a socket would keep a namespace without a name alive, and its
  // links' peers with it.
  Result<void> look() {
    for (auto& [name, place] : places_) {
      if (!name.empty()) {
        auto current = NetworkNamespace::open(handles_.namespace_directory(), name);
        if (!current || (place.monitor && current->identity() != place.identity)) place = {};
        if (!current) continue;
        if (!place.monitor) NETNS_LAB_TRY(open(*current, place));
      } else if (!place.monitor) {
        NETNS_LAB_ASSIGN(const NetworkNamespace* const own, handles_.network_namespace(""));
        NETNS_LAB_TRY(open(*own, place));
      }
      NETNS_LAB_TRY(place.monitor->update());
    }
    return {};
  }

  static Result<void> open(const NetworkNamespace& network_namespace, Place& place) {
    NETNS_LAB_ASSIGN(UniqueFd events, socket_in(network_namespace, AF_NETLINK, SOCK_RAW, 0));
    NETNS_LAB_ASSIGN(UniqueFd requests, socket_in(network_namespace, AF_NETLINK, SOCK_RAW, 0));
    NETNS_LAB_ASSIGN(place.monitor, Monitor::adopt(std::move(events), std::move(requests)));
    NETNS_LAB_TRY(place.monitor->also_wake_on(RTNLGRP_IPV6_ROUTE));
    place.identity = network_namespace.identity();
    return {};
  }

  // A worker of the kernel tells what has become of a carrier, up to a second later (net/core/link_watch.c). Since
  // Linux 6.8 it does that at once for a link that is asked for by itself (linkwatch_sync_dev in rtnl_getlink,
  // net/core/rtnetlink.c); before that the question changes nothing. True when something was asked.
  bool hurry() {
    bool has_asked = false;
    for (const LinkState& wanted : wanted_.links) {
      Place& where = places_.at(wanted.network_namespace);
      if (!wanted.present || !wanted.operational || !where.monitor) continue;
      const Link* const link = where.monitor->links().find(wanted.link);
      if (link == nullptr || !link->is_up() || is_operational(*link, where.monitor->links())) continue;
      // Once for each state of it: a thousand links make a thousand pieces of news.
      const auto state = std::make_pair(link->flags, link->operstate);
      const auto [asked, is_new] = where.asked.try_emplace(link->index, state);
      if (!is_new && std::exchange(asked->second, state) == state) continue;
      // Its ports first: one that is raised counts as one that forwards until its own carrier is told, and a bridge
      // with such a port is UP for a moment.
      for (const auto& [index, port] : where.monitor->links().all()) {
        if (port.master == link->index && port.operstate == OperState::kUnknown) ask(*where.monitor, index);
      }
      ask(*where.monitor, link->index);
      has_asked = true;
    }
    return has_asked;
  }

  // The answer comes as news, too; what fails here is seen there.
  static void ask(Monitor& monitor, std::uint32_t index) {
    static_cast<void>(netlink::get_link(monitor.requests(), netlink::LinkRef::indexed(index)));
  }

  std::vector<std::string> missing() const {
    std::vector<std::string> lacking;
    for (const LinkState& wanted : wanted_.links) {
      const Place& where = places_.at(wanted.network_namespace);
      const Link* const link = where.monitor ? where.monitor->links().find(wanted.link) : nullptr;
      const bool met = wanted.present
                           ? link != nullptr && (!wanted.operational || is_operational(*link, where.monitor->links()))
                           : link == nullptr;
      if (met && wanted.present && device_manager_ && wanted.network_namespace.empty() &&
          !device_manager_->is_through_with(link->index)) {
        lacking.push_back(fmt::format("udev is not through with link {} yet", wanted.link));
      }
      if (met) continue;
      const char* const expected = !wanted.present ? "absent" : (wanted.operational ? "operational" : "present");
      lacking.push_back(fmt::format("link {}{} is {}, not {}", wanted.link, in_place(wanted.network_namespace),
                                    where.monitor ? seen(link) : "absent with its namespace", expected));
    }
    for (const std::string& name : wanted_.absent_namespaces) {
      if (exists(handles_.namespace_directory() + "/" + name)) {
        lacking.push_back(fmt::format("{}/{} is still there", handles_.namespace_directory(), name));
      }
    }
    return lacking;
  }

  // Links that are operational, but for an IPv6 address that the kernel has not put in use yet.
  Result<std::vector<std::string>> unready() {
    std::vector<std::string> lacking;
    for (auto& [name, place] : places_) {
      const bool wanted =
          std::any_of(wanted_.links.begin(), wanted_.links.end(), [&name = name](const LinkState& link) {
            return link.network_namespace == name && link.present && link.operational;
          });
      if (!wanted || !place.monitor) continue;
      netlink::NetlinkSocket& requests = place.monitor->requests();
      NETNS_LAB_ASSIGN(const std::vector<InterfaceAddress> addresses, netlink::list_addresses(requests));
      const bool has_ipv6 = std::any_of(addresses.begin(), addresses.end(), [](const InterfaceAddress& address) {
        return !address.prefix.address.is_v4();
      });
      const bool wants_link_local = std::any_of(
          wanted_.links.begin(), wanted_.links.end(),
          [&name = name](const LinkState& link) { return link.network_namespace == name && link.link_local; });
      if (!has_ipv6 && !wants_link_local) continue;
      NETNS_LAB_ASSIGN(const std::vector<Route> routes, netlink::list_routes(requests, Family::kIpv6));
      for (const LinkState& link : wanted_.links) {
        if (link.network_namespace != name || !link.present || !link.operational) continue;
        const Link* const found = place.monitor->links().find(link.link);
        if (found == nullptr) continue;
        const bool has_link_local =
            std::any_of(addresses.begin(), addresses.end(), [&](const InterfaceAddress& address) {
              return address.link_index == found->index && !address.prefix.address.is_v4() &&
                     address.prefix.address.is_link_local() &&
                     !(link.settled && (address.flags & IFA_F_TENTATIVE) != 0);
            });
        if (link.link_local && !has_link_local)
          lacking.push_back(fmt::format("link {}{} has no IPv6 link-local address{} yet", link.link, in_place(name),
                                        link.settled ? " that is known to be its own" : ""));
        for (const IpAddress& address : addresses_not_in_use_yet(addresses, routes, found->index)) {
          lacking.push_back(fmt::format("address {} of link {}{} is not in use yet (no route in table local)",
                                        address.to_string(), link.link, in_place(name)));
        }
      }
    }
    return lacking;
  }

  bool waits_for_names() const {
    return std::any_of(places_.begin(), places_.end(), [](const auto& entry) { return !entry.second.monitor; }) ||
           std::any_of(wanted_.absent_namespaces.begin(), wanted_.absent_namespaces.end(),
                       [this](const auto& name) { return exists(handles_.namespace_directory() + "/" + name); });
  }

  // False when the deadline has passed.
  Result<bool> wait_for_news(Deadline deadline, int cancel_fd, const std::vector<std::string>& lacking) {
    std::vector<pollfd> entries{
        {cancel_fd, POLLIN, 0}, {watch_.names_fd(), POLLIN, 0}, {watch_.mounts_fd(), POLLPRI, 0}};
    if (device_manager_) entries.push_back({device_manager_->fd(), POLLIN, 0});
    for (const auto& [name, place] : places_) {
      if (place.monitor) entries.push_back({place.monitor->fd(), POLLIN, 0});
    }
    const int ready = ::poll(entries.data(), entries.size(), deadline.poll_timeout());
    if (ready < 0 && errno != EINTR) return tl::unexpected(Error::system("poll for the node's networks", errno));
    if (entries.front().revents != 0 && ready > 0) {
      return tl::unexpected(Error::cancelled("wait for the node's networks: " + join(lacking, "; ")));
    }
    watch_.take_events();
    if (device_manager_) device_manager_->take_events();
    return ready != 0 || !deadline.passed();
  }

  NetworkHandles& handles_;
  const protocol::AwaitRequest& wanted_;
  NameWatch watch_;
  std::optional<DeviceManager> device_manager_;
  std::map<std::string, Place> places_;
};

}  // namespace

Result<std::chrono::milliseconds> await_state(NetworkHandles& handles, const protocol::AwaitRequest& wanted,
                                              Deadline deadline, const AwaitOptions& options) {
  for (const std::string& name : wanted.absent_namespaces) NETNS_LAB_TRY(check_namespace_name(name));
  for (const LinkState& link : wanted.links) {
    if (!link.network_namespace.empty()) NETNS_LAB_TRY(check_namespace_name(link.network_namespace));
  }
  NETNS_LAB_ASSIGN(NameWatch watch, NameWatch::open());
  std::optional<DeviceManager> device_manager;
  if (!options.device_database.empty()) {
    NETNS_LAB_ASSIGN(device_manager, DeviceManager::watch(options.device_database));
  }
  NETNS_LAB_TRY(Waiter(handles, wanted, std::move(watch), std::move(device_manager)).run(deadline, options));
  using std::chrono::milliseconds;
  if (!deadline.passed()) return milliseconds(0);
  return std::chrono::duration_cast<milliseconds>(Deadline::Clock::now() - deadline.at());
}

}  // namespace netns_lab::node
