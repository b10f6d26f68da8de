#include "harness/cli/observation.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

#include "harness/model/diff.h"
#include "harness/model/json.h"
#include "harness/testing/bystanders.h"
#include "harness/testing/subject.h"

namespace netns_lab::cli {
namespace {

constexpr std::chrono::seconds kOpenLimit{20};

constexpr auto kBuild = "build: ";
constexpr auto kTearDown = "tear-down: ";
constexpr auto kLeft = "left: ";
constexpr auto kSecondBuild = "second build: ";
constexpr auto kSecond = "second: ";

template <typename Note>
Result<void> note_each(Subject& subject, Observation& seen, Note note) {
  for (std::size_t node = 0; node < subject.nodes(); ++node) NETNS_LAB_TRY(note(node, seen.at(node)));
  return {};
}

Result<void> run_steps(Subject& subject, Steps steps, Observation& seen) {
  NETNS_LAB_TRY(subject.build(Look::kNode));
  NETNS_LAB_TRY(note_each(subject, seen, [&](std::size_t node, NodeObservation& here) -> Result<void> {
    here.build = subject.outcome(node);
    here.network = subject.after(node);
    return {};
  }));
  if (steps == Steps::kBuild) return {};
  NETNS_LAB_TRY(subject.tear_down());
  NETNS_LAB_TRY(note_each(subject, seen, [&](std::size_t node, NodeObservation& here) -> Result<void> {
    here.tear_down = subject.tear_down_outcome(node);
    NETNS_LAB_ASSIGN(here.left, subject.observe(Look::kNode, node));
    return {};
  }));
  if (steps == Steps::kTearDown) return {};
  NETNS_LAB_TRY(subject.build(Look::kNode));
  return note_each(subject, seen, [&](std::size_t node, NodeObservation& here) -> Result<void> {
    here.second_build = subject.outcome(node);
    here.second_network = subject.after(node);
    return {};
  });
}

void add_outcome(std::vector<std::string>& lines, const std::string& prefix, const TargetOutcome& outcome) {
  if (!outcome.succeeded) lines.push_back(prefix + outcome.failure);
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

IpAddress link_local_of(const MacAddress& mac) {
  const auto& b = mac.bytes();
  const std::array<std::uint8_t, 16> bytes = {
      0xFE, 0x80, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(b[0] ^ 2), b[1], b[2], 0xFF, 0xFE, b[3], b[4], b[5]};
  return IpAddress::from_bytes(bytes);
}

using LinkNames = std::set<std::pair<std::string, std::string>>;

// The links whose MAC the scenario declares: it is told as it is.
LinkNames with_declared_mac(const Topology& topology) {
  LinkNames links;
  for (const Change& change : topology.build) {
    if (const auto* vxlan = std::get_if<CreateVxlan>(&change)) {
      if (vxlan->mac) links.emplace(vxlan->network_namespace, vxlan->name);
    } else if (const auto* set = std::get_if<SetLink>(&change)) {
      if (set->mac) links.emplace(set->network_namespace, set->name);
    } else if (const auto* pair = std::get_if<CreateVeth>(&change)) {
      if (pair->mac) links.emplace(pair->network_namespace, pair->name);
      if (pair->peer_mac) links.emplace(pair->peer_namespace, pair->peer_name);
    }
  }
  return links;
}

// The kernel gives a new link a random MAC, and an IPv6 link-local address of it (RFC 4291, appendix A): numbered here
// in the links' order, so that equal ones stay equal. A bridge takes one of its ports', whichever is the lowest.
Snapshot with_numbered_macs(const Snapshot& snapshot, const LinkNames& with_declared) {
  std::string text = nlohmann::json(snapshot).dump();
  std::set<MacAddress> known;
  for (const NamespaceState& state : snapshot.namespaces) {
    for (const Link& link : state.links) {
      if (state.name == kBystanderNamespace || link.name == kBystanderLink) continue;  // theirs are always the same
      if (link.mac.is_zero() || link.kind == "bridge" || !known.insert(link.mac).second) continue;
      if (with_declared.contains({state.name, link.name})) continue;  // it keeps its number to itself
      const MacAddress number({0xFE, 0, 0, 0, 0, static_cast<std::uint8_t>(known.size())});
      replace_all(text, link.mac.to_string(), number.to_string());
      replace_all(text, link_local_of(link.mac).to_string(), link_local_of(number).to_string());
    }
  }
  Snapshot numbered = nlohmann::json::parse(text).get<Snapshot>();
  for (NamespaceState& state : numbered.namespaces) {
    for (Link& link : state.links) {
      if (link.kind == "bridge") link.mac = MacAddress();
    }
  }
  return numbered;
}

void add_differences(std::vector<std::string>& lines, const std::string& prefix, const Snapshot& right,
                     const Snapshot& seen, const LinkNames& with_declared) {
  DiffOptions options;
  options.namespace_identity = false;
  options.dynamic_neighbours = true;  // one that is wrong is of interest, however it came there
  for (const Finding& finding :
       diff(with_numbered_macs(right, with_declared), with_numbered_macs(seen, with_declared), options))
    lines.push_back(prefix + to_string(finding));
}

}  // namespace

Result<Observation> observe(const PlannedWorker& planned, std::chrono::milliseconds step_limit, Steps steps,
                            const LabServices& services) {
  LabSpec spec;
  spec.nodes = static_cast<int>(planned.topologies.size());
  spec.underlay = planned.scenario->underlay;
  NETNS_LAB_ASSIGN(Lab lab, Lab::open(spec, services, Deadline::after(kOpenLimit)));
  SubjectPlan plan;
  plan.target = planned.target;
  plan.task.scenario = planned.scenario->name;
  plan.task.parameters = planned.parameters;
  plan.task.family = planned.family;
  plan.task.topology = planned.topology();
  plan.further_nodes.assign(planned.topologies.begin() + 1, planned.topologies.end());
  plan.task.step_limit = step_limit;
  plan.bystanders = true;
  NETNS_LAB_ASSIGN(Subject subject, Subject::prepare(std::move(lab), std::move(plan)));
  Observation seen(subject.nodes());
  for (std::size_t node = 0; node < seen.size(); ++node)
    seen[node].with_declared_mac = with_declared_mac(planned.topologies.at(node));
  NETNS_LAB_TRY(run_steps(subject, steps, seen));
  return seen;
}

std::vector<std::string> peculiarities(const Observation& right, const Observation& seen, Steps steps) {
  std::vector<std::string> lines;
  for (std::size_t node = 0; node < seen.size(); ++node) {
    const std::string where = node == 0 ? "" : fmt::format("node-{}: ", node + 1);
    const NodeObservation& good = right.at(node);
    const NodeObservation& here = seen[node];
    add_outcome(lines, kBuild + where, here.build);
    add_differences(lines, where, good.network, here.network, here.with_declared_mac);
    if (steps == Steps::kBuild) continue;
    add_outcome(lines, kTearDown + where, here.tear_down);
    add_differences(lines, kLeft + where, good.left, here.left, here.with_declared_mac);
    if (steps == Steps::kTearDown) continue;
    add_outcome(lines, kSecondBuild + where, here.second_build);
    add_differences(lines, kSecond + where, good.second_network, here.second_network, here.with_declared_mac);
  }
  return lines;
}

Steps steps_for(const std::string& line) {
  const auto begins = [&](std::string_view prefix) { return line.rfind(prefix, 0) == 0; };
  if (line.empty() || begins(kSecondBuild) || begins(kSecond)) return Steps::kSecondBuild;
  return begins(kTearDown) || begins(kLeft) ? Steps::kTearDown : Steps::kBuild;
}

}  // namespace netns_lab::cli
