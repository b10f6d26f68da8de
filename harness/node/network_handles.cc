#include "harness/node/network_handles.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "harness/netlink/generic.h"
#include "harness/netlink/link.h"
#include "harness/netlink/offload.h"
#include "harness/netns/named.h"

namespace netns_lab::node {
namespace {

using netlink::NetlinkSocket;
using netlink::Protocol;

// What is held of one namespace.
struct Handles {
  explicit Handles(NetworkNamespace opened) : network_namespace(std::move(opened)) {}
  NetworkNamespace network_namespace;
  std::map<Protocol, NetlinkSocket> sockets;
  std::unordered_map<std::string, std::uint32_t> link_indexes;
  std::unordered_map<std::uint32_t, std::string> link_names;

  void forget_links() {
    link_indexes.clear();
    link_names.clear();
  }
};

std::string place(const std::string& network_namespace) {
  return network_namespace.empty() ? "the node's own namespace" : "namespace " + network_namespace;
}

}  // namespace

class NetworkHandles::State {
 public:
  State(std::string directory, NetworkNamespace own)
      : directory_(std::move(directory)), own_(std::move(own)), sysctl_reader_(own_.network_namespace) {}

  const std::string& directory() const { return directory_; }

  Result<Handles*> find(const std::string& name) {
    if (name.empty()) return &own_;
    if (const auto found = named_.find(name); found != named_.end()) return &found->second;
    NETNS_LAB_TRY(check_namespace_name(name));
    NETNS_LAB_ASSIGN(NetworkNamespace opened, NetworkNamespace::open(directory_, name));
    return &named_.emplace(name, Handles(std::move(opened))).first->second;
  }

  Result<NetlinkSocket*> socket(const std::string& name, Protocol protocol) {
    NETNS_LAB_ASSIGN(Handles* const handles, find(name));
    if (const auto found = handles->sockets.find(protocol); found != handles->sockets.end()) return &found->second;
    if (lacking_.count(protocol) != 0) return tl::unexpected(Error::system("open a netlink socket", EPROTONOSUPPORT));
    // The calling thread is in the node's own namespace: only the others are entered.
    Result<UniqueFd> raw =
        name.empty() ? netlink::open_raw(protocol)
                     : socket_in(handles->network_namespace, AF_NETLINK, SOCK_RAW, static_cast<int>(protocol));
    if (!raw) return tl::unexpected(std::move(raw).error());
    NETNS_LAB_ASSIGN(NetlinkSocket made, NetlinkSocket::adopt(std::move(*raw), protocol));
    return &handles->sockets.emplace(protocol, std::move(made)).first->second;
  }

  Result<void> open_sockets(const std::string& name) {
    NETNS_LAB_ASSIGN(Handles* const handles, find(name));
    const auto open_missing = [&]() -> Result<void> {
      for (const Protocol protocol : kAllProtocols) {
        if (handles->sockets.count(protocol) != 0 || lacking_.count(protocol) != 0) continue;
        auto raw = netlink::open_raw(protocol);
        if (!raw && raw.error().system_errno == EPROTONOSUPPORT) {
          lacking_.insert(protocol);
          continue;
        }
        if (!raw) return tl::unexpected(std::move(raw).error());
        NETNS_LAB_ASSIGN(NetlinkSocket made, NetlinkSocket::adopt(std::move(*raw), protocol));
        handles->sockets.emplace(protocol, std::move(made));
      }
      return {};
    };
    return name.empty() ? open_missing() : within(handles->network_namespace, open_missing);
  }

  SysctlReader& sysctl_reader() { return sysctl_reader_; }
  Result<const GenericFamilies*> generic_families(NetlinkSocket& socket) {
    if (families_) return &*families_;
    GenericFamilies found;
    NETNS_LAB_ASSIGN(found.ethtool, netlink::find_generic_family(socket, "ethtool"));
    NETNS_LAB_ASSIGN(found.mptcp, netlink::find_generic_family(socket, "mptcp_pm"));
    if (found.ethtool) {
      NETNS_LAB_ASSIGN(found.features, netlink::list_feature_names(socket, *found.ethtool));
    }
    return &families_.emplace(std::move(found));
  }
  void keep_a_while(NetworkNamespace done_with) { kept_ = std::move(done_with); }

  Result<void> create(const std::string& name) {
    NETNS_LAB_ASSIGN(NetworkNamespace made, create_named_namespace(directory_, name));
    named_.erase(name);
    named_.emplace(name, Handles(std::move(made)));
    return {};
  }

  void forget(const std::string& name) { named_.erase(name); }
  void forget_links() {
    own_.forget_links();
    for (auto& [name, handles] : named_) handles.forget_links();
  }

  void begin_use() { ++uses_; }
  void end_use() {
    if (--uses_ > 0) return;
    named_.clear();
    own_.forget_links();  // until the next operation anybody may rename or remove
  }

 private:
  std::string directory_;
  Handles own_;
  SysctlReader sysctl_reader_;
  std::optional<GenericFamilies> families_;
  std::optional<NetworkNamespace> kept_;
  std::unordered_map<std::string, Handles> named_;
  std::set<Protocol> lacking_;  // the kernel has none: asked again, it would look for a module each time
  int uses_ = 0;
};

NetworkHandles::NetworkHandles(std::unique_ptr<State> state) : state_(std::move(state)) {}
NetworkHandles::NetworkHandles(NetworkHandles&&) noexcept = default;
NetworkHandles& NetworkHandles::operator=(NetworkHandles&&) noexcept = default;
NetworkHandles::~NetworkHandles() = default;

Result<NetworkHandles> NetworkHandles::create(std::string namespace_directory) {
  NETNS_LAB_ASSIGN(NetworkNamespace own, NetworkNamespace::current());
  return NetworkHandles(std::make_unique<State>(std::move(namespace_directory), std::move(own)));
}

NetworkHandles::Use::Use(NetworkHandles& handles) : handles_(handles) { handles_.state_->begin_use(); }
NetworkHandles::Use::~Use() { handles_.state_->end_use(); }

const std::string& NetworkHandles::namespace_directory() const { return state_->directory(); }

Result<netlink::NetlinkSocket*> NetworkHandles::socket(const std::string& network_namespace,
                                                       netlink::Protocol protocol) {
  return state_->socket(network_namespace, protocol);
}

Result<void> NetworkHandles::open_sockets(const std::string& network_namespace) {
  return state_->open_sockets(network_namespace);
}

void NetworkHandles::keep_a_while(NetworkNamespace done_with) { state_->keep_a_while(std::move(done_with)); }

Result<const NetworkHandles::GenericFamilies*> NetworkHandles::generic_families(NetlinkSocket& socket) {
  return state_->generic_families(socket);
}

SysctlReader& NetworkHandles::sysctl_reader() { return state_->sysctl_reader(); }

Result<const NetworkNamespace*> NetworkHandles::network_namespace(const std::string& name) {
  NETNS_LAB_ASSIGN(const Handles* const handles, state_->find(name));
  return &handles->network_namespace;
}

Result<std::uint32_t> NetworkHandles::link_index(const std::string& network_namespace, const std::string& link) {
  NETNS_LAB_ASSIGN(Handles* const handles, state_->find(network_namespace));
  if (const auto found = handles->link_indexes.find(link); found != handles->link_indexes.end()) return found->second;
  if (link == "lo") return std::uint32_t{1};  // LOOPBACK_IFINDEX, in every namespace
  NETNS_LAB_ASSIGN(NetlinkSocket* const socket, state_->socket(network_namespace, Protocol::kRoute));
  auto found = netlink::get_link(*socket, netlink::LinkRef::named(link));
  if (!found) {
    Error error = std::move(found).error();
    error.attempted = fmt::format("find link {} in {}", link, place(network_namespace));
    return tl::unexpected(std::move(error));
  }
  handles->link_indexes.emplace(link, found->index);
  return found->index;
}

Result<std::string> NetworkHandles::link_name(const std::string& network_namespace, std::uint32_t index) {
  if (index == 0) return std::string();
  NETNS_LAB_ASSIGN(Handles* const handles, state_->find(network_namespace));
  if (const auto found = handles->link_names.find(index); found != handles->link_names.end()) return found->second;
  NETNS_LAB_ASSIGN(NetlinkSocket* const socket, state_->socket(network_namespace, Protocol::kRoute));
  const auto found = netlink::get_link(*socket, netlink::LinkRef::indexed(index));
  if (!found && found.error().system_errno == ENODEV) return std::string();
  if (!found) return tl::unexpected(found.error());
  return handles->link_names.emplace(index, found->name).first->second;
}

void NetworkHandles::remember_link(const std::string& network_namespace, const std::string& link, std::uint32_t index) {
  if (const auto handles = state_->find(network_namespace)) (*handles)->link_indexes.insert_or_assign(link, index);
}

void NetworkHandles::forget_links() { state_->forget_links(); }
void NetworkHandles::forget(const std::string& network_namespace) { state_->forget(network_namespace); }
Result<void> NetworkHandles::create_namespace(const std::string& name) { return state_->create(name); }

}  // namespace netns_lab::node
