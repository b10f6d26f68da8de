#include "harness/testing/subject.h"

#include <fmt/format.h>

#include <linux/if_addr.h>

#include <algorithm>
#include <future>
#include <span>
#include <utility>

#include "harness/base/text.h"
#include "harness/conformance/closed_world.h"
#include "harness/conformance/decisive_sysctls.h"
#include "harness/conformance/declaration.h"
#include "harness/conformance/kernel_made.h"
#include "harness/conformance/packet_sysctls.h"
#include "harness/model/readiness.h"
#include "harness/protocol/guest.h"
#include "harness/testing/bystanders.h"

namespace netns_lab {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSettleLimit{
    3'000};  // from all links raised to all operational; microseconds on an idle machine
constexpr milliseconds kDeletionLimit{
    5'000};  // from a namespace's deletion to its links gone; 30 to 50 ms on an idle machine

constexpr milliseconds kDeletionLimitOfOne{50};  // more for each namespace; 1 to 2 ms on an idle machine

constexpr milliseconds kFailedDeletionLimit{500};  // after a tear-down that failed anyway

constexpr milliseconds kOutsideLimit{10'000};  // until the outside node's agent answers

enum class Settled { kYes, kNotYet, kNever };

// A bridge has carrier, and more to report than UNKNOWN, once a port of it forwards (br_port_state_selection,
// net/bridge/br_stp.c).
bool has_ports(const NamespaceState& state, const Link& bridge) {
  return std::any_of(state.links.begin(), state.links.end(),
                     [&](const Link& link) { return link.master == bridge.index; });
}

bool forwards_ipv6(const Declaration& declared, const std::string& network_namespace) {
  return std::any_of(declared.sysctls.begin(), declared.sysctls.end(), [&](const DeclaredSysctl& one) {
    return one.network_namespace == network_namespace && one.key == "net.ipv6.conf.all.forwarding" && one.value == "1";
  });
}

bool has_tentative_link_local(const NamespaceState& state, const Link& link) {
  return std::any_of(state.addresses.begin(), state.addresses.end(), [&link](const InterfaceAddress& address) {
    return address.link_index == link.index && !address.prefix.address.is_v4() &&
           address.prefix.address.is_link_local() && (address.flags & IFA_F_TENTATIVE) != 0;
  });
}

// Have all declared links settled? Never, when one is missing or nobody raised it: nothing is to be waited for then.
// `wanted` becomes what is to be waited for. A link's IPv6 link-local address comes some microseconds after its
// operstate (addrconf_notify, net/ipv6/addrconf.c).
Settled settled(const Snapshot& snapshot, const Declaration& declared, protocol::AwaitRequest& wanted) {
  Settled answer = Settled::kYes;
  for (const DeclaredLink& declared_link : declared.links) {
    const NamespaceState* state = snapshot.find_namespace(declared_link.network_namespace);
    const Link* link = state == nullptr ? nullptr : state->find_link(declared_link.name);
    if (link == nullptr || !link->is_up()) return Settled::kNever;
    if (link->operstate != OperState::kUp && (link->kind == "veth" || has_ports(*state, *link)))
      answer = Settled::kNotYet;
    if (!addresses_not_in_use_yet(state->addresses, state->routes, link->index).empty()) answer = Settled::kNotYet;
    // Whoever forwards asks for neighbours in its own name: not before that is known to be its own (RFC 4861, 7.2.2;
    // ndisc_solicit, net/ipv6/ndisc.c).
    const bool asks_for_others = forwards_ipv6(declared, state->name) && has_tentative_link_local(*state, *link);
    const bool waits_for_link_local = asks_for_others || lacks_link_local(*state, *link);
    if (waits_for_link_local) answer = Settled::kNotYet;
    wanted.links.push_back({declared_link.network_namespace, declared_link.name, true, true, waits_for_link_local,
                            forwards_ipv6(declared, state->name)});
  }
  return answer;
}

// What the scenario declares, and what tests added beside it: the kernel may still be at the latter.
protocol::AwaitRequest all_gone(const Topology& topology, const SubjectPlan& plan) {
  protocol::AwaitRequest request;
  for (const auto& links : {topology.links, plan.more_links}) {
    for (const std::string& link : links) request.links.push_back({"", link, false, false});
  }
  for (const auto& names : {topology.namespaces, plan.more_namespaces}) {
    request.absent_namespaces.insert(request.absent_namespaces.end(), names.begin(), names.end());
  }
  return request;
}

// Waits for links that were all raised, some namespaces at a time: each that is waited in costs the node a descriptor.
// What does not settle is left to the claims about it. Returns how late it was.
Result<milliseconds> settle_in_parts(Node& node, const Topology& topology) {
  constexpr std::size_t kAtOnce = 200;
  const Deadline deadline = Deadline::after(kSettleLimit);
  const std::span<const Attachment> all(topology.attachments);
  milliseconds late{0};
  const auto await = [&](const protocol::AwaitRequest& request) -> Result<void> {
    const auto left = std::max(std::chrono::duration_cast<milliseconds>(deadline.left()), milliseconds(1));
    auto settled = node.await_kernel(request, left);
    if (settled) late = std::max(late, *settled);
    const bool is_the_networks = settled || settled.error().kind == ErrorKind::kTimeout ||
                                 settled.error().kind == ErrorKind::kSystem ||
                                 settled.error().kind == ErrorKind::kMissing;
    if (!is_the_networks) return tl::unexpected(std::move(settled).error());
    return {};
  };
  for (std::size_t done = 0; done < all.size(); done += kAtOnce) {
    protocol::AwaitRequest request;
    for (const Attachment& each : all.subspan(done, std::min(kAtOnce, all.size() - done))) {
      request.links.push_back({"", each.host_link, true, true, false});
      request.links.push_back({each.network_namespace, each.container_link, true, true, false});
    }
    NETNS_LAB_TRY(await(request));
  }
  protocol::AwaitRequest own;  // a bridge
  for (const std::string& link : topology.links) {
    if (std::none_of(all.begin(), all.end(), [&link](const Attachment& each) { return each.host_link == link; }))
      own.links.push_back({"", link, true, true, false});
  }
  NETNS_LAB_TRY(await(own));
  return late;
}

bool is_timeout(const Result<milliseconds>& result) { return !result && result.error().kind == ErrorKind::kTimeout; }

}  // namespace

Result<void> check_addresses(const Topology& topology, const std::vector<Prefix>& uplink_addresses) {
  for (const Attachment& attachment : topology.attachments) {
    for (const Prefix& prefix : attachment.addresses) {
      for (const Prefix& uplink : uplink_addresses) {
        const bool overlap = uplink.network().contains(prefix.address) || prefix.network().contains(uplink.address);
        if (!overlap) continue;
        return tl::unexpected(Error::invalid(fmt::format("container address {}", prefix.address.to_string()),
                                             fmt::format("{} the node's own subnet {} (uplink address {})",
                                                         uplink.network().contains(prefix.address)
                                                             ? "it lies in"
                                                             : "its subnet " + prefix.network().to_string() + " holds",
                                                         uplink.network().to_string(), uplink.to_string()),
                                             "give another address with --param"));
      }
    }
  }
  return {};
}

Result<void> check_node_address(const Topology& topology, const protocol::HelloReply& node) {
  if (!topology.node_address) return {};
  std::string known;
  for (const Prefix& prefix : node.uplink_addresses) {
    if (prefix.address == *topology.node_address) return {};
    if (prefix.address.family() == topology.node_address->family())
      known += (known.empty() ? "" : ", ") + prefix.address.to_string();
  }
  return tl::unexpected(Error::invalid(
      fmt::format("node address {}", topology.node_address->to_string()),
      fmt::format("the uplink of {} does not have it; it has {}", node.node, known.empty() ? "none" : known),
      "give no node address, and it is found out"));
}

namespace {

// What a state disk holds is there to stay: only what a run adds to it is the run's.
Snapshot without_state_disk(Snapshot snapshot) {
  const std::string below = std::string(protocol::kStateFolder) + "/";
  std::erase_if(snapshot.files, [&below](const std::string& file) { return file.starts_with(below); });
  return snapshot;
}

}  // namespace

Result<void> check_unspoilt(const Snapshot& first, const Snapshot& now, const LabSpec& lab) {
  constexpr std::size_t kTold = 3;
  const std::vector<std::string> changes = changes_of_node(without_state_disk(first), without_state_disk(now));
  if (changes.empty()) return {};
  return tl::unexpected(Error::taken(
      fmt::format("lab {}", lab.name),
      fmt::format("its node is no longer as it was made, and nothing can be judged against what an earlier "
                  "run or a hand left there: {}",
                  join_first(changes, kTold)),
      fmt::format("put it back, or make it anew: netns-lab destroy --lab {0} --name {1}, then netns-lab up "
                  "--lab {0} --name {1}",
                  to_string(lab.provider), lab.name)));
}

Result<void> check_settings(const NamespaceState* state, const std::string& place, Family family) {
  const std::vector<std::string> obstacles =
      state == nullptr ? std::vector<std::string>() : spoiling_sysctls(*state, family);
  if (obstacles.empty()) return {};
  return tl::unexpected(Error::missing(
      "judge on " + place, "its settings would make a right network look wrong: " + join(obstacles, "; "),
      "set them for the time of the test (sysctl -w KEY=VALUE), or use another machine"));
}

Result<void> check_declared_settings(const Topology& topology, const NamespaceState* own, const std::string& place) {
  if (own == nullptr || own->sysctls.empty()) return {};
  for (const DeclaredSysctl& one : declaration_of(topology).sysctls) {
    if (!one.network_namespace.empty() || own->sysctls.count(one.key) != 0) continue;
    const bool is_of_bridges = one.key.starts_with("net.bridge.");
    return tl::unexpected(Error::missing(
        fmt::format("judge a network with {}={} on {}", one.key, one.value, place), "its kernel has no such setting",
        is_of_bridges ? "load its module (modprobe br_netfilter), or leave BRIDGE_NF out" : "use another machine"));
  }
  return {};
}

Result<void> check_descriptors(std::uint64_t allowed, std::uint64_t needed, const std::string& place, bool stands) {
  if (allowed >= needed) return {};
  const std::string mended =
      stands ? fmt::format("destroy the lab, and make it anew where ulimit -n shows {} or more", needed)
             : fmt::format("raise the hard limit (as root: ulimit -n {}; for good: limits.conf(5))", needed);
  return tl::unexpected(
      Error::missing(fmt::format("judge on {}", place),
                     fmt::format("{} descriptors are open at once there, and it may have {}", needed, allowed),
                     mended + ", or judge a smaller network"));
}

Subject::Subject(Lab lab, SubjectPlan plan) : lab_(std::move(lab)), plan_(std::move(plan)) {
  parts_.push_back({.task = plan_.task, .before = {}, .after = {}, .outcome = {}, .tear_down_outcome = {}});
  for (const Topology& topology : plan_.further_nodes) {
    Part part = parts_.front();
    part.task.topology = topology;
    parts_.push_back(std::move(part));
  }
}

Result<void> Subject::on_all(const std::function<Result<void>(std::size_t node)>& work) const {
  std::vector<std::future<Result<void>>> others;
  for (std::size_t node = 1; node < parts_.size(); ++node) {
    others.push_back(std::async(std::launch::async, [&work, node] { return work(node); }));
  }
  Result<void> done = work(0);
  for (auto& other : others) {
    Result<void> its = other.get();
    if (done && !its) done = std::move(its);
  }
  return done;
}

bool Subject::succeeded() const {
  return std::all_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.outcome.succeeded; });
}

Result<Subject> Subject::prepare(Lab lab, SubjectPlan plan) {
  Subject subject(std::move(lab), std::move(plan));
  NETNS_LAB_TRY(subject.on_all([&subject](std::size_t node) { return subject.prepare_part(node); }));
  return subject;
}

Result<void> Subject::prepare_part(std::size_t node) {
  Part& part = parts_.at(node);
  const Topology& topology = part.task.topology;
  NETNS_LAB_TRY(check_addresses(topology, hello(node).uplink_addresses));
  NETNS_LAB_TRY(check_node_address(topology, hello(node)));
  protocol::ClaimRequest claim;
  claim.namespaces = topology.namespaces;
  claim.links = topology.links;
  claim.nft_tables = nft_tables_of(topology);
  for (const auto& name : plan_.more_namespaces) claim.namespaces.push_back(name);
  for (const auto& name : plan_.more_links) claim.links.push_back(name);
  if (lab_.spec().provider == Provider::kHost) claim.addresses = plan_.more_subnets;
  for (const Attachment& attachment : topology.attachments) {
    for (const Prefix& prefix : attachment.addresses) claim.addresses.push_back(prefix);
    // A script may make both ends on the node, as the tutorial does, and then move one.
    if (!plan_.target->is_builtin() && attachment.container_link != hello(node).uplink)
      claim.links.push_back(attachment.container_link);
  }
  NETNS_LAB_TRY(lab_.node(node).claim(claim));
  // The built-in target, which clears nothing, is spared the milliseconds that they take.
  if (has_bystanders()) NETNS_LAB_TRY(add_bystanders(node));
  NETNS_LAB_ASSIGN(part.before, observe(Look::kNode, node));
  NETNS_LAB_TRY(check_settings(part.before.find_namespace(""), hello(node).node, part.task.family));
  NETNS_LAB_TRY(check_declared_settings(topology, part.before.find_namespace(""), hello(node).node));
  if (lab_.is_standing_and_private()) {
    NETNS_LAB_ASSIGN(const Snapshot first, lab_.node(node).first_snapshot(whole_node()));
    NETNS_LAB_TRY(check_unspoilt(first, part.before, lab_.spec()));
  }
  return {};
}

Result<void> Subject::add_bystanders(std::size_t node) {
  Node& there = lab_.node(node);
  NETNS_LAB_TRY(there.apply(bystanders()));
  const auto made = there.apply({bystander_table()});
  // Where there is no nft, nobody flushes its rules.
  return made || nft_tables_of(parts_.at(node).task.topology).empty() ? Result<void>() : made;
}

Result<Node*> Subject::outside() { return lab_.outside(Deadline::after(kOutsideLimit)); }

Result<void> Subject::build(Look look) {
  NETNS_LAB_TRY(begin_build());
  return finish_build(look);
}

Result<void> Subject::begin_build() {
  ++builds_;
  state_ = State::kBuilt;  // even a failed build may leave something
  return on_all([this](std::size_t node) -> Result<void> {
    Part& part = parts_.at(node);
    NETNS_LAB_ASSIGN(part.outcome, plan_.target->build(lab_.node(node), part.task));
    return {};
  });
}

Result<void> Subject::finish_build(Look look) {
  return on_all([this, look](std::size_t node) { return finish_part(node, look); });
}

Result<void> Subject::finish_part(std::size_t node, Look look) {
  Part& part = parts_.at(node);
  if (look == Look::kOwn) {
    NETNS_LAB_ASSIGN(const milliseconds late, settle_in_parts(lab_.node(node), part.task.topology));
    part.late = std::max(part.late, late);
  }
  NETNS_LAB_ASSIGN(part.after, observe(look, node));
  if (part.after.pristine)
    NETNS_LAB_TRY(check_settings(&*part.after.pristine, "new namespaces of this machine", part.task.family));
  const Declaration declared = declaration_of(part.task.topology);
  protocol::AwaitRequest wanted;
  const Settled state = settled(part.after, declared, wanted);
  // On a machine udev may still be about to rewrite what was just seen.
  const bool udev_may_be_busy = lab_.spec().provider == Provider::kHost && state == Settled::kYes;
  if (state != Settled::kNotYet && !udev_may_be_busy) return {};
  const auto waited = lab_.node(node).await_kernel(wanted, kSettleLimit);
  if (!waited && !is_timeout(waited)) return tl::unexpected(waited.error());
  part.late = std::max(part.late, waited.value_or(milliseconds(0)));
  NETNS_LAB_ASSIGN(part.after, observe(look, node));
  return {};
}

Result<void> Subject::begin_tear_down() {
  NETNS_LAB_TRY(on_all([this](std::size_t node) -> Result<void> {
    Part& part = parts_.at(node);
    NETNS_LAB_ASSIGN(part.tear_down_outcome, plan_.target->tear_down(lab_.node(node), part.task));
    return {};
  }));
  state_ = State::kGoing;
  return {};
}

Result<void> Subject::finish_tear_down() {
  NETNS_LAB_TRY(on_all([this](std::size_t node) -> Result<void> {
    Part& part = parts_.at(node);
    const auto many = kDeletionLimitOfOne * static_cast<int>(part.task.topology.namespaces.size());
    const auto limit = part.tear_down_outcome.succeeded ? kDeletionLimit + many : kFailedDeletionLimit;
    const Deadline deadline = Deadline::after(limit);
    // A request compares all it waits for at each piece of news: with a thousand links that is a million times.
    constexpr std::size_t kAtOnce = 64;
    protocol::AwaitRequest gone = all_gone(part.task.topology, plan_);
    const std::vector<protocol::AwaitRequest::LinkState> links = std::exchange(gone.links, {});
    for (std::size_t done = 0; done == 0 || done < links.size(); done += kAtOnce) {
      const auto begin = links.begin() + static_cast<std::ptrdiff_t>(done);
      gone.links.assign(begin, begin + static_cast<std::ptrdiff_t>(std::min(kAtOnce, links.size() - done)));
      const auto left = std::chrono::duration_cast<milliseconds>(deadline.left());
      const auto waited = lab_.node(node).await_kernel(gone, std::max(left, milliseconds(1)));
      if (!waited && !is_timeout(waited)) return tl::unexpected(waited.error());
      if (!waited) return {};
      part.late = std::max(part.late, *waited);
      gone.absent_namespaces.clear();
    }
    return {};
  }));
  state_ = State::kEmpty;
  return {};
}

milliseconds Subject::late() const {
  milliseconds late{0};
  for (const Part& part : parts_) late = std::max(late, part.late);
  return late;
}

Result<void> Subject::tear_down() {
  if (state_ == State::kBuilt) NETNS_LAB_TRY(begin_tear_down());
  if (state_ == State::kGoing) NETNS_LAB_TRY(finish_tear_down());
  return {};
}

Result<Snapshot> Subject::observe(Look look, std::size_t node) {
  SnapshotOptions options;
  const bool everything = look != Look::kLinks;
  const bool sysctls = look == Look::kNode || look == Look::kEverything || look == Look::kOwn;
  options.all_sysctls = sysctls && plan_.all_sysctls;
  if (sysctls && !plan_.all_sysctls) {
    std::vector<std::string> links = {hello(node).uplink};
    for (const DeclaredLink& link : declaration_of(parts_.at(node).task.topology).links) links.push_back(link.name);
    options.sysctls = packet_sysctls(links);
  }
  options.processes = everything;
  options.files = everything;
  options.pristine = look == Look::kEverything || look == Look::kOwn;
  if (look == Look::kOwn) options.only = {""};
  options.addressing_only = !everything;
  return lab_.node(node).snapshot(options);
}

}  // namespace netns_lab
