#include "harness/node/session_objects.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <utility>

#include "harness/base/unique_fd.h"
#include "harness/netlink/nft_table.h"
#include "harness/netns/named.h"
#include "harness/node/apply.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {
namespace {

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

bool has_link(const std::string& name) { return ::if_nametoindex(name.c_str()) != 0; }

// Links of the node's own namespace that a change makes.
std::vector<std::string> links_made_by(const Change& change) {
  std::vector<std::string> names;
  if (const auto* veth = std::get_if<CreateVeth>(&change)) {
    if (veth->network_namespace.empty()) names.push_back(veth->name);
    if (veth->peer_namespace.empty()) names.push_back(veth->peer_name);
  } else if (const auto* link = std::get_if<CreateLink>(&change)) {
    if (link->network_namespace.empty()) names.push_back(link->name);
  } else if (const auto* vxlan = std::get_if<CreateVxlan>(&change)) {
    if (vxlan->network_namespace.empty()) names.push_back(vxlan->name);
  } else if (const auto* relay = std::get_if<CreateTunRelay>(&change)) {
    if (relay->network_namespace.empty()) names.push_back(relay->name);
  }
  return names;
}

// The change that undoes one of the node's own namespace; none for those that are followed by name, or leave nothing.
std::optional<Change> opposite(const Change& change) {
  return std::visit(Overloaded{
                        [](const AddAddress& add) -> std::optional<Change> {
                          return DeleteAddress{.network_namespace = "", .link = add.link, .prefix = add.prefix};
                        },
                        [](const DeleteAddress& gone) -> std::optional<Change> {
                          AddAddress add;
                          add.link = gone.link;
                          add.prefix = gone.prefix;
                          return add;
                        },
                        [](const AddRoute& add) -> std::optional<Change> {
                          return DeleteRoute{.network_namespace = "", .route = add.route};
                        },
                        [](const DeleteRoute& gone) -> std::optional<Change> {
                          return AddRoute{.network_namespace = "", .route = gone.route};
                        },
                        [](const AddRule& add) -> std::optional<Change> {
                          return DeleteRule{.network_namespace = "", .rule = add.rule};
                        },
                        [](const DeleteRule& gone) -> std::optional<Change> {
                          return AddRule{.network_namespace = "", .rule = gone.rule};
                        },
                        [](const AddNeighbour& add) -> std::optional<Change> {
                          return DeleteNeighbour{.network_namespace = "", .link = add.link, .address = add.address};
                        },
                        [](const SetSysctl& set) -> std::optional<Change> {
                          const auto here = NetworkNamespace::current();
                          auto before = here ? read_sysctl(*here, set.key) : tl::unexpected(here.error());
                          if (!before) return std::nullopt;  // setting it will fail and say why
                          return SetSysctl{.network_namespace = "", .key = set.key, .value = *std::move(before)};
                        },
                        [](const CreateNftTable& made) -> std::optional<Change> {
                          return DeleteNftTable{.network_namespace = "", .family = made.family, .name = made.name};
                        },
                        [](const auto&) -> std::optional<Change> { return std::nullopt; },
                    },
                    change);
}

// Turning ip_forward on or off turns redirects off or on (inet_forward_change, net/ipv4/devinet.c): what puts that
// back, once ip_forward is what it was; none for any other change.
constexpr auto kForward = "net.ipv4.ip_forward";
constexpr auto kRedirects = "net.ipv4.conf.all.accept_redirects";
std::optional<Change> opposite_of_what_follows(const Change& change) {
  const auto* set = std::get_if<SetSysctl>(&change);
  if (set == nullptr || set->key != kForward) return std::nullopt;
  const auto here = NetworkNamespace::current();
  auto before = here ? read_sysctl(*here, kRedirects) : tl::unexpected(here.error());
  if (!before) return std::nullopt;
  return SetSysctl{.network_namespace = "", .key = kRedirects, .value = *std::move(before)};
}

}  // namespace

SessionObjects::SessionObjects(std::string namespace_directory, AgentJournal& journal, TunRelays& relays)
    : namespace_directory_(std::move(namespace_directory)), journal_(journal), relays_(relays) {}

bool SessionObjects::has_namespace(const std::string& name) const {
  return check_namespace_name(name) && ::access((namespace_directory_ + "/" + name).c_str(), F_OK) == 0;
}

bool SessionObjects::belongs_to_own_link(const std::string& network_namespace, const std::string& link) const {
  return !network_namespace.empty() || links_.count(link) > 0;
}

// Whether a change of the node's own namespace would outlive the links that the session has made there.
bool SessionObjects::must_be_undone(const Change& change) const {
  return std::visit(
      Overloaded{
          [this](const AddAddress& add) { return !belongs_to_own_link(add.network_namespace, add.link); },
          [this](const DeleteAddress& gone) { return !belongs_to_own_link(gone.network_namespace, gone.link); },
          [this](const AddNeighbour& add) { return !belongs_to_own_link(add.network_namespace, add.link); },
          [this](const AddRoute& add) {
            const auto& hops = add.route.hops;
            return add.network_namespace.empty() &&
                   (hops.empty() || std::any_of(hops.begin(), hops.end(),
                                                [this](const NextHop& hop) { return links_.count(hop.link) == 0; }));
          },
          [](const DeleteRoute& gone) { return gone.network_namespace.empty(); },
          [](const AddRule& add) { return add.network_namespace.empty(); },
          [](const DeleteRule& gone) { return gone.network_namespace.empty(); },
          [](const SetSysctl& set) { return set.network_namespace.empty(); },
          [](const CreateNftTable& made) { return made.network_namespace.empty(); },
          [](const DeleteNftTable& gone) { return gone.network_namespace.empty(); },
          [](const auto&) { return false; },
      },
      change);
}

Result<void> SessionObjects::apply(NetworkHandles& network, const std::vector<Change>& changes) {
  const std::lock_guard lock(mutex_);
  std::vector<Change> batch;
  for (const Change& change : changes) {
    if (const auto* relay = std::get_if<CreateTunRelay>(&change)) {
      NETNS_LAB_TRY(apply_batch(network, std::exchange(batch, {})));
      NETNS_LAB_TRY(start_relay(network, *relay));
      continue;
    }
    if (!must_be_undone(change)) {
      // A link may be made and used in one list: what the batch will make counts as made already.
      for (const std::string& name : links_made_by(change)) {
        if (!has_link(name)) links_.insert(name);
      }
      batch.push_back(change);
      continue;
    }
    NETNS_LAB_TRY(apply_batch(network, std::exchange(batch, {})));
    NETNS_LAB_TRY(apply_alone(network, change));
  }
  return apply_batch(network, batch);
}

Result<void> SessionObjects::start_relay(NetworkHandles& network, const CreateTunRelay& change) {
  const NetworkHandles::Use use(network);
  const bool is_new = !change.network_namespace.empty() || !has_link(change.name);
  if (is_new && change.network_namespace.empty()) {
    NETNS_LAB_TRY(journal_.before_link(change.name));
    links_.insert(change.name);
  }
  NETNS_LAB_ASSIGN(const NetworkNamespace* const opened, network.network_namespace(change.network_namespace));
  NETNS_LAB_TRY(relays_.start(*opened, change));
  SetLink mtu;
  mtu.network_namespace = change.network_namespace;
  mtu.name = change.name;
  mtu.mtu = change.mtu;
  return apply_changes(network, {mtu});
}

// One change whose success must be known for sure, because undoing what was not done would harm somebody else's.
Result<void> SessionObjects::apply_alone(NetworkHandles& network, const Change& change) {
  if (const auto* set = std::get_if<SetSysctl>(&change)) NETNS_LAB_TRY(journal_.before_sysctl(set->key));
  if (const auto* made = std::get_if<CreateNftTable>(&change))
    NETNS_LAB_TRY(journal_.before_nft_table(nft_table_text(made->family, made->name)));
  std::optional<Change> undo = opposite(change);
  std::optional<Change> undo_what_follows = opposite_of_what_follows(change);
  if (undo_what_follows) NETNS_LAB_TRY(journal_.before_sysctl(kRedirects));
  NETNS_LAB_TRY(apply_changes(network, {change}));
  // Deleting what the session has added leaves nothing to undo.
  const auto added = std::find_if(undo_.rbegin(), undo_.rend(), [&](const Change& known) { return known == change; });
  if (added != undo_.rend()) {
    undo_.erase(std::next(added).base());
    if (const auto* gone = std::get_if<DeleteNftTable>(&change))
      static_cast<void>(journal_.forget_nft_table(nft_table_text(gone->family, gone->name)));
  } else if (undo) {
    if (undo_what_follows) undo_.push_back(*std::move(undo_what_follows));  // undone after it
    undo_.push_back(*std::move(undo));
  }
  return {};
}

Result<void> SessionObjects::apply_batch(NetworkHandles& network, const std::vector<Change>& changes) {
  if (changes.empty()) return {};
  // Only what was not there before can be the session's own, and the journal is written first.
  std::set<std::string> new_namespaces;
  std::set<std::string> new_links;
  for (const Change& change : changes) {
    if (const auto* create = std::get_if<CreateNamespace>(&change)) {
      if (!has_namespace(create->name)) new_namespaces.insert(create->name);
    }
    for (const std::string& name : links_made_by(change)) {
      if (has_link(name) || !new_links.insert(name).second) continue;
      NETNS_LAB_TRY(journal_.before_link(name));
    }
  }
  Result<void> applied = apply_changes(network, changes);
  for (const std::string& name : new_namespaces) {
    if (has_namespace(name)) namespaces_.insert(name);
  }
  for (const std::string& name : new_links) {
    if (has_link(name)) {
      links_.insert(name);
    } else {
      links_.erase(name);
    }
  }
  for (const Change& change : changes) follow(change);
  return applied;
}

// Names that changed, and objects that are gone.
void SessionObjects::follow(const Change& change) {
  if (const auto* gone = std::get_if<DeleteNamespace>(&change)) {
    if (!has_namespace(gone->name)) namespaces_.erase(gone->name);
  } else if (const auto* link = std::get_if<DeleteLink>(&change)) {
    relays_.end(link->name);
    if (link->network_namespace.empty() && !has_link(link->name) && links_.erase(link->name) > 0) {
      static_cast<void>(journal_.forget_link(link->name));  // a stale line costs one vain look later
    }
  } else if (const auto* set = std::get_if<SetLink>(&change)) {
    const std::string& name = set->new_name ? *set->new_name : set->name;
    const bool was_ours = set->network_namespace.empty() && links_.count(set->name) > 0;
    if (was_ours && !has_link(set->name)) links_.erase(set->name);
    if (was_ours && !set->move_to && has_link(name)) links_.insert(name);
    if (set->move_to && set->move_to->empty() && !set->network_namespace.empty() && has_link(name)) links_.insert(name);
  }
}

void SessionObjects::before_file(const std::string& path) {
  const std::lock_guard lock(mutex_);
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string folder = path.substr(0, at);
    if (::access(folder.c_str(), F_OK) != 0) paths_.push_back(folder);
  }
  if (::access(path.c_str(), F_OK) != 0) paths_.push_back(path);
}

void SessionObjects::after_file(const std::string& path, std::uint32_t mode, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  put_[path] = {.mode = mode & 07777, .size = bytes.size(), .digest = std::hash<std::string_view>()(bytes)};
}

// By its contents: a time that is put back, or the clock's tick, would hide a change. That a script makes the files
// beside it executable, or no longer so, does no harm to anybody.
std::string SessionObjects::what_changed(const std::string& path, const PutFile& put) {
  constexpr auto kChanged = "changed";
  constexpr mode_t kMayExecute = 0111;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return kChanged;
  if (!S_ISREG(status.st_mode) || static_cast<std::size_t>(status.st_size) != put.size) return kChanged;
  std::string bytes(put.size, '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + got, bytes.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return kChanged;
    got += static_cast<std::size_t>(n);
  }
  if (std::hash<std::string_view>()(bytes) != put.digest) return kChanged;
  const mode_t mode = status.st_mode & 07777U;
  if ((mode & ~kMayExecute) == (put.mode & ~kMayExecute)) return "";
  return fmt::format("mode {:o}, it was {:o}", mode, put.mode);
}

std::vector<std::string> SessionObjects::without_put(std::vector<std::string> files) const {
  const std::lock_guard lock(mutex_);
  const auto is_ours = [this](const std::string& file) {
    return put_.count(file) > 0 || std::find(paths_.begin(), paths_.end(), file) != paths_.end();
  };
  files.erase(std::remove_if(files.begin(), files.end(), is_ours), files.end());
  for (const auto& [path, put] : put_) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 && errno == ENOENT) {
      files.push_back(path + " (deleted)");
    } else if (const std::string change = what_changed(path, put); !change.empty()) {
      files.push_back(fmt::format("{} ({})", path, change));
    }
  }
  return files;
}

bool SessionObjects::empty() const {
  const std::lock_guard lock(mutex_);
  return namespaces_.empty() && links_.empty() && undo_.empty() && paths_.empty();
}

// Once it is gone the journal must know nothing of it: the next one of that name is somebody else's.
Result<void> SessionObjects::remove_nft_table(NetworkHandles& network, const std::string& name) {
  const auto key = netlink::nft_table_key(name);
  if (!key) return {};
  NETNS_LAB_ASSIGN(netlink::NetlinkSocket* const socket, network.socket("", netlink::Protocol::kNetfilter));
  NETNS_LAB_ASSIGN(const bool is_there, netlink::has_nft_table(*socket, *key));
  if (is_there) NETNS_LAB_TRY(netlink::delete_nft_table(*socket, *key));
  return journal_.forget_nft_table(name);
}

std::vector<Error> SessionObjects::remove(NetworkHandles& network, const protocol::ClaimRequest& claimed) {
  const std::lock_guard lock(mutex_);
  std::vector<Error> errors;
  const auto note = [&](Result<void> result, std::initializer_list<int> harmless) {
    if (result) return;
    const Error& error = result.error();
    if (error.kind == ErrorKind::kMissing) return;
    if (std::find(harmless.begin(), harmless.end(), error.system_errno) != harmless.end()) return;
    errors.push_back(error);
  };
  for (auto change = undo_.rbegin(); change != undo_.rend(); ++change) {
    note(apply_changes(network, {*change}), {ENOENT, ENODEV, ESRCH, EADDRNOTAVAIL, EEXIST});
  }
  std::set<std::string> tables(claimed.nft_tables.begin(), claimed.nft_tables.end());
  for (const Change& change : undo_) {
    if (const auto* table = std::get_if<DeleteNftTable>(&change))
      tables.insert(nft_table_text(table->family, table->name));
  }
  undo_.clear();
  for (const std::string& name : tables) note(remove_nft_table(network, name), {ENOENT});

  namespaces_.insert(claimed.namespaces.begin(), claimed.namespaces.end());
  for (const std::string& name : namespaces_) {
    if (has_namespace(name)) note(apply_changes(network, {DeleteNamespace{.name = name}}), {ENOENT});
  }
  namespaces_.clear();
  // The names are gone, the kernel takes the ends inside later: deleting the ends out here makes sure that they are
  // gone when this returns.
  links_.insert(claimed.links.begin(), claimed.links.end());
  for (const std::string& name : links_) {
    if (has_link(name)) note(apply_changes(network, {DeleteLink{.network_namespace = "", .name = name}}), {ENODEV});
    if (!has_link(name)) note(journal_.forget_link(name), {});  // one that stays, the journal keeps
  }
  links_.clear();
  for (auto path = paths_.rbegin(); path != paths_.rend(); ++path) {
    if (::unlink(path->c_str()) != 0 && (errno == EISDIR || errno == EPERM)) ::rmdir(path->c_str());
  }
  paths_.clear();
  return errors;
}

}  // namespace netns_lab::node
