#include "harness/node/apply.h"

#include <fmt/format.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "harness/netlink/bridge.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/neighbour.h"
#include "harness/netlink/nft_table.h"
#include "harness/netlink/route.h"
#include "harness/netlink/route_lookup.h"
#include "harness/netlink/rule.h"
#include "harness/netlink/vxlan.h"
#include "harness/netns/named.h"
#include "harness/node/nft_command.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {
namespace {

using netlink::LinkRef;
using netlink::NetlinkSocket;
using netlink::Replies;
using netlink::Request;

// Gathers requests for one namespace and sends them when another one's turn comes, when an answer is needed, or at the
// end.
class Applier {
 public:
  Applier(NetworkHandles& handles, const std::vector<Change>& changes) : handles_(handles), changes_(changes) {}

  Result<void> run() {
    for (current_ = 0; current_ < changes_.size(); ++current_) {
      auto done = std::visit([this](const auto& change) { return apply(change); }, changes_[current_]);
      if (!done) return tl::unexpected(named(std::move(done).error()));
    }
    auto done = flush();
    if (!done) return tl::unexpected(named(std::move(done).error()));
    return {};
  }

 private:
  // Says which change failed: one that was sent and refused, or the one at hand, with what could not be had for it.
  Error named(Error error) const {
    if (refused_) {
      error.attempted = to_string(changes_[*refused_]);
    } else {
      error.attempted = fmt::format("{} ({})", to_string(changes_[current_]), error.attempted);
    }
    return error;
  }

  Result<void> flush() {
    if (requests_.empty()) return {};
    const std::vector<std::size_t> owners = std::exchange(owners_, {});
    pending_links_.clear();
    auto socket = handles_.socket(namespace_);
    if (!socket) {
      refused_ = owners.front();
      return tl::unexpected(std::move(socket).error());
    }
    auto answer = (*socket)->exchange_all(std::exchange(requests_, {}));
    if (!answer) {
      refused_ = owners[answer.error().request];
      return tl::unexpected(std::move(answer.error().error));
    }
    for (std::size_t i = 0; i < answer->replies.size(); ++i) {
      const netlink::MessageView message = answer->replies[i];
      remember_created(message, changes_[owners.at(message.sequence - answer->first_sequence)]);
    }
    return {};
  }

  // The echo of a creation (Linux 6.2) saves asking for the indexes of both ends.
  void remember_created(const netlink::MessageView& message, const Change& change) {
    const auto link = netlink::decode_link(message);
    if (!link) return;
    if (const auto* veth = std::get_if<CreateVeth>(&change)) {
      handles_.remember_link(veth->network_namespace, veth->name, link->index);
      if (link->peer_index) handles_.remember_link(veth->peer_namespace, veth->peer_name, *link->peer_index);
    } else if (const auto* other = std::get_if<CreateLink>(&change)) {
      handles_.remember_link(other->network_namespace, other->name, link->index);
    } else if (const auto* tunnel = std::get_if<CreateVxlan>(&change)) {
      handles_.remember_link(tunnel->network_namespace, tunnel->name, link->index);
    }
  }

  // A request for a namespace: those of another one go out first.
  Result<void> begin(const std::string& network_namespace) {
    if (!requests_.empty() && network_namespace != namespace_) NETNS_LAB_TRY(flush());
    namespace_ = network_namespace;
    return {};
  }
  void add(Request request) {
    requests_.push_back(std::move(request));
    owners_.push_back(current_);
  }
  Result<void> add_to(const std::string& network_namespace, Request request) {
    NETNS_LAB_TRY(begin(network_namespace));
    add(std::move(request));
    return {};
  }

  // The index of a link, after what may create it has been sent.
  Result<std::uint32_t> index(const std::string& network_namespace, const std::string& link) {
    NETNS_LAB_TRY(begin(network_namespace));
    if (pending_links_.count(link) != 0) NETNS_LAB_TRY(flush());
    return handles_.link_index(network_namespace, link);
  }

  Result<Route> with_indexes(const std::string& network_namespace, Route route) {
    for (NextHop& hop : route.hops) {
      hop.link_index = 0;
      if (hop.link.empty()) continue;
      NETNS_LAB_ASSIGN(hop.link_index, index(network_namespace, hop.link));
    }
    return route;
  }

  Result<int> descriptor(const std::string& network_namespace) {
    NETNS_LAB_ASSIGN(const NetworkNamespace* const opened, handles_.network_namespace(network_namespace));
    return opened->fd();
  }

  Result<void> apply(const CreateNamespace& change) {
    NETNS_LAB_TRY(flush());
    return handles_.create_namespace(change.name);
  }
  Result<void> apply(const DeleteNamespace& change) {
    NETNS_LAB_TRY(flush());
    handles_.forget(change.name);
    handles_.forget_links();
    return unname_namespace(handles_.namespace_directory(), change.name);
  }

  Result<void> apply(const CreateVeth& change) {
    NETNS_LAB_TRY(begin(change.network_namespace));
    netlink::VethSpec spec;
    spec.name = change.name;
    spec.peer_name = change.peer_name;
    if (change.peer_namespace != change.network_namespace) {
      NETNS_LAB_ASSIGN(spec.peer_namespace, descriptor(change.peer_namespace));
    }
    spec.mtu = change.mtu;
    spec.mac = change.mac;
    spec.peer_mac = change.peer_mac;
    if (change.master) {
      NETNS_LAB_ASSIGN(spec.master, index(change.network_namespace, *change.master));
    }
    spec.group = change.group;
    spec.up = change.up;
    add(netlink::create_veth(spec));
    pending_links_.insert(change.name);
    if (change.peer_namespace == change.network_namespace) pending_links_.insert(change.peer_name);
    return {};
  }
  Result<void> apply(const CreateLink& change) {
    NETNS_LAB_TRY(add_to(change.network_namespace, netlink::create_link(change.name, change.kind)));
    pending_links_.insert(change.name);
    return {};
  }
  Result<void> apply(const CreateVxlan& change) {
    NETNS_LAB_TRY(begin(change.network_namespace));
    netlink::VxlanSpec spec;
    spec.name = change.name;
    spec.vni = change.vni;
    spec.port = change.port;
    spec.local = change.local;
    spec.remote = change.remote;
    spec.learning = change.learning;
    spec.mtu = change.mtu;
    spec.mac = change.mac;
    if (!change.link.empty()) {
      NETNS_LAB_ASSIGN(spec.link_index, index(change.network_namespace, change.link));
    }
    add(netlink::create_vxlan(spec));
    pending_links_.insert(change.name);
    return {};
  }
  Result<void> apply(const CreateTunRelay& change) {
    // A relay outlives the request: SessionObjects starts it.
    return tl::unexpected(Error::internal("start a relay for link " + change.name, "there is nobody to keep it"));
  }
  Result<void> apply(const DeleteLink& change) {
    NETNS_LAB_TRY(flush());
    handles_.forget_links();  // its own, and a peer's somewhere else
    return add_to(change.network_namespace, netlink::delete_link(LinkRef::named(change.name)));
  }
  Result<void> apply(const SetLink& change) {
    // By index, so that a creation that failed is not followed by changes to somebody else's link of that name.
    NETNS_LAB_ASSIGN(const std::uint32_t link, index(change.network_namespace, change.name));
    netlink::LinkChange wanted;
    wanted.up = change.up;
    wanted.mtu = change.mtu;
    wanted.mac = change.mac;
    wanted.arp = change.arp;
    wanted.new_name = change.new_name;
    if (change.master && change.master->empty()) wanted.master = 0;
    if (change.master && !change.master->empty()) {
      NETNS_LAB_ASSIGN(wanted.master, index(change.network_namespace, *change.master));
    }
    if (change.move_to) {
      NETNS_LAB_ASSIGN(wanted.move_to, descriptor(*change.move_to));
    }
    NETNS_LAB_TRY(add_to(change.network_namespace, netlink::set_link(LinkRef::indexed(link), wanted)));
    if (change.hairpin) {
      NETNS_LAB_TRY(add_to(change.network_namespace, netlink::set_hairpin(link, *change.hairpin)));
    }
    if (!change.new_name && !change.move_to) return {};
    NETNS_LAB_TRY(flush());
    handles_.forget_links();
    return {};
  }

  Result<void> apply(const AddAddress& change) {
    netlink::AddressSpec spec;
    NETNS_LAB_ASSIGN(spec.link_index, index(change.network_namespace, change.link));
    spec.prefix = change.prefix;
    spec.scope = change.scope;
    spec.no_duplicate_detection = change.no_duplicate_detection;
    spec.valid_lifetime = change.valid_lifetime;
    spec.preferred_lifetime = change.preferred_lifetime;
    return add_to(change.network_namespace, netlink::add_address(spec));
  }
  Result<void> apply(const DeleteAddress& change) {
    NETNS_LAB_ASSIGN(const std::uint32_t link, index(change.network_namespace, change.link));
    return add_to(change.network_namespace, netlink::delete_address(link, change.prefix));
  }
  Result<void> apply(const AddRoute& change) {
    NETNS_LAB_ASSIGN(const Route route, with_indexes(change.network_namespace, change.route));
    return add_to(change.network_namespace, netlink::add_route(route));
  }
  Result<void> apply(const DeleteRoute& change) {
    NETNS_LAB_ASSIGN(const Route route, with_indexes(change.network_namespace, change.route));
    return add_to(change.network_namespace, netlink::delete_route(route));
  }
  Result<void> apply(const AddRule& change) { return add_to(change.network_namespace, netlink::add_rule(change.rule)); }
  Result<void> apply(const DeleteRule& change) {
    return add_to(change.network_namespace, netlink::delete_rule(change.rule));
  }
  Result<void> apply(const AddNeighbour& change) {
    NETNS_LAB_ASSIGN(const std::uint32_t link, index(change.network_namespace, change.link));
    return add_to(change.network_namespace, netlink::add_neighbour(link, change.address, change.mac));
  }
  Result<void> apply(const DeleteNeighbour& change) {
    NETNS_LAB_ASSIGN(const std::uint32_t link, index(change.network_namespace, change.link));
    return add_to(change.network_namespace, netlink::delete_neighbour(link, change.address));
  }

  Result<void> apply(const AddForwarding& change) {
    NETNS_LAB_ASSIGN(const std::uint32_t link, index(change.network_namespace, change.link));
    return add_to(change.network_namespace, netlink::add_vxlan_forwarding(link, change.mac, change.destination));
  }

  Result<void> apply(const SetSysctl& change) {
    NETNS_LAB_TRY(flush());
    NETNS_LAB_ASSIGN(const NetworkNamespace* const opened, handles_.network_namespace(change.network_namespace));
    return write_sysctl(*opened, change.key, change.value);
  }

  Result<void> apply(const CreateNftTable& change) {
    NETNS_LAB_TRY(flush());
    NETNS_LAB_ASSIGN(const NetworkNamespace* const opened, handles_.network_namespace(change.network_namespace));
    return create_nft_table(*opened, change);
  }
  Result<void> apply(const DeleteNftTable& change) {
    NETNS_LAB_TRY(flush());
    const std::string name = nft_table_text(change.family, change.name);
    const auto key = netlink::nft_table_key(name);
    if (!key) return tl::unexpected(Error::invalid("delete nft table " + name, "that names none"));
    NETNS_LAB_ASSIGN(NetlinkSocket* const socket,
                     handles_.socket(change.network_namespace, netlink::Protocol::kNetfilter));
    return netlink::delete_nft_table(*socket, *key);
  }

  NetworkHandles& handles_;
  const std::vector<Change>& changes_;
  std::size_t current_ = 0;
  std::string namespace_;
  std::vector<Request> requests_;
  std::vector<std::size_t> owners_;      // requests_[i] does changes_[owners_[i]]
  std::set<std::string> pending_links_;  // created by requests_, so of namespace_
  std::optional<std::size_t> refused_;   // the change whose request failed
};

// A namespace or a link that is not there is the answer to the question.
std::optional<RouteAnswer> refusal(const Error& error) {
  if (error.system_errno != ENOENT && error.system_errno != ENODEV) return std::nullopt;
  RouteAnswer answer;
  answer.system_errno = error.system_errno;
  answer.kernel_text = error.attempted;
  return answer;
}

Result<RouteAnswer> look_up_route(NetworkHandles& handles, const RouteQuery& query) {
  NETNS_LAB_ASSIGN(NetlinkSocket* const socket, handles.socket(query.network_namespace));
  std::uint32_t input = 0;
  if (!query.input_link.empty()) {
    NETNS_LAB_ASSIGN(input, handles.link_index(query.network_namespace, query.input_link));
  }
  NETNS_LAB_ASSIGN(RouteAnswer answer, netlink::look_up_route(*socket, query, input));
  NETNS_LAB_ASSIGN(answer.output_link, handles.link_name(query.network_namespace, answer.output_link_index));
  return answer;
}

}  // namespace

Result<void> apply_changes(NetworkHandles& handles, const std::vector<Change>& changes) {
  const NetworkHandles::Use use(handles);
  return Applier(handles, changes).run();
}

Result<std::vector<RouteAnswer>> look_up_routes(NetworkHandles& handles, const std::vector<RouteQuery>& queries) {
  const NetworkHandles::Use use(handles);
  std::vector<RouteAnswer> answers;
  answers.reserve(queries.size());
  for (const RouteQuery& query : queries) {
    auto answer = look_up_route(handles, query);
    if (answer) {
      answers.push_back(std::move(*answer));
    } else if (auto refused = refusal(answer.error())) {
      answers.push_back(std::move(*refused));
    } else {
      return tl::unexpected(std::move(answer).error());
    }
  }
  return answers;
}

}  // namespace netns_lab::node
