#include "suites/bridge-scale/fixture.h"

#include <fmt/format.h>

#include <linux/neighbour.h>

#include <algorithm>
#include <future>
#include <map>
#include <random>
#include <set>

#include "harness/base/number_text.h"
#include "harness/testing/matchers.h"

namespace netns_lab::bridge_scale {
namespace {

constexpr std::size_t kSample = 16;  // ordered pairs

SnapshotOptions brief_look() {
  SnapshotOptions options;
  options.processes = false;
  options.files = false;
  options.entries = false;
  return options;
}

const Neighbour* find_neighbour(const NamespaceState& state, const std::string& link, const IpAddress& address) {
  for (const Neighbour& each : state.neighbours) {
    if (each.link == link && each.address == address && !each.is_proxy()) return &each;
  }
  return nullptr;
}

// What contradicts "it has resolved that address on that link to `mac`".
std::string resolution_finding(const NamespaceState& state, const std::string& link, const IpAddress& address,
                               const MacAddress& mac, const std::string& owner) {
  const Neighbour* const entry = find_neighbour(state, link, address);
  const bool is_resolved =
      entry != nullptr && entry->mac && (entry->state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)) != 0;
  if (!is_resolved)
    return fmt::format("{} has not resolved {} on {}", place_text(state.name), address.to_string(), link);
  if (*entry->mac == mac) return "";
  return fmt::format("{} takes {} to be at {} on {}; its owner {} is at {}", place_text(state.name),
                     address.to_string(), entry->mac->to_string(), link, owner, mac.to_string());
}

}  // namespace

void BridgeScale::SetUp() {
  suites::NetworkCases::SetUp();
  // In a shuffled order it may have been torn down already.
  if (can_be_judged() && subject().state() != Subject::State::kBuilt) value(subject().build(Look::kOwn));
}

const Census& BridgeScale::census() {
  note_observation();
  return *kept<std::shared_ptr<Census>>([this] {
    auto census = std::make_shared<Census>(topology(), after());
    SnapshotOptions options = brief_look();
    options.all_sysctls = true;
    std::size_t looked_at = 0;
    std::future<void> judging;  // one part, while the node looks at the next
    for (const std::vector<std::string>& part : census->parts()) {
      options.only = part;
      Snapshot seen = value(node().snapshot(options));
      if (judging.valid()) judging.get();
      looked_at += part.size();
      show_progress(fmt::format("looks: {} of {} containers", grouped(looked_at), grouped(containers())));
      judging = std::async(std::launch::async, [census, part, looked_at = std::move(seen)]() mutable {
        census->add(part, std::move(looked_at));
      });
    }
    if (judging.valid()) judging.get();
    census->finish();
    return census;
  });
}

Snapshot BridgeScale::neighbours_of(std::size_t begin, std::size_t end) {
  SnapshotOptions options = brief_look();
  options.neighbours_only = true;
  options.only = {""};
  for (std::size_t i = begin; i < end; ++i) options.only->push_back(container(i).network_namespace);
  return value(node().snapshot(options));
}

void BridgeScale::forget(const Snapshot& seen, std::size_t begin, std::size_t end) {
  std::vector<Change> changes;
  const auto add = [&changes](const NamespaceState* state, const std::string& link, const IpAddress& address) {
    const Neighbour* const entry = state == nullptr ? nullptr : find_neighbour(*state, link, address);
    if (entry != nullptr && !entry->is_static()) changes.emplace_back(DeleteNeighbour{state->name, link, address});
  };
  for (std::size_t i = begin; i < end; ++i) {
    add(seen.find_namespace(""), kBridge, address(i));
    add(seen.find_namespace(container(i).network_namespace), container(i).container_link, bridge_address());
  }
  if (!changes.empty()) value(node().apply(std::move(changes)));
}

std::uint64_t BridgeScale::backlog_drops() {
  SnapshotOptions options = brief_look();
  options.neighbours_only = true;
  options.counters = true;
  options.only = {container(0).network_namespace};
  const Snapshot now = value(node().snapshot(options));
  const NamespaceState* const state = now.find_namespace(container(0).network_namespace);
  if (state == nullptr) return 0;  // told by its claim
  const auto found = state->counters.find("softnet.dropped");
  if (found == state->counters.end())
    lab_failed(Error::internal("count what the kernel drops from its backlogs", "the node does not tell it"));
  return found->second;
}

void BridgeScale::beside_drops(const std::function<bool(int attempt)>& work) {
  constexpr int kAttempts = 3;
  for (int attempt = 1;; ++attempt) {
    const std::uint64_t before = backlog_drops();
    if (work(attempt)) return;
    const std::uint64_t dropped = backlog_drops() - before;
    if (dropped == 0) return;
    if (attempt < kAttempts) {
      tell(fmt::format("neighbours were asked for again, because the kernel dropped {} packets from its backlogs",
                       dropped));
      continue;
    }
    lab_failed(Error::internal(
        "prove that neighbours are resolved",
        fmt::format("the kernel dropped {} packets because a backlog was full, each of {} times", dropped, kAttempts)));
  }
}

void BridgeScale::judge_resolution(std::size_t begin, std::size_t end, Findings& findings) {
  Findings found;
  beside_drops([&](int attempt) {
    found = resolution_findings(begin, end, attempt == 1 ? 2 : 1);
    return found.none();
  });
  findings.append(found);
}

std::vector<EchoReport> BridgeScale::in_lanes(std::vector<EchoSpec> specs, std::uint32_t lanes) {
  for (EchoSpec& spec : specs) {
    spec.count = 1;
    if (!is_patient()) spec.reply_wait = kImpatience;
  }
  protocol::ProbeRequest request;
  request.echoes = std::move(specs);
  request.lanes = lanes;
  std::vector<EchoReport> reports = value(node().probe(std::move(request))).echoes;
  for (const EchoReport& report : reports) note_answer(report);
  return reports;
}

Findings BridgeScale::resolution_findings(std::size_t begin, std::size_t end, std::uint32_t lanes) {
  Findings findings;
  forget(neighbours_of(begin, end), begin, end);
  const auto judge = [&](const EchoReport& report, const std::string& name, const std::string& from) {
    EchoExpectation want;
    want.reply_from = report.spec.destination;
    want.payload_intact = true;
    for (const std::string& finding : echo_findings(report, want))
      findings.add(name, fmt::format("{} to {}: {}", from, report.spec.destination.to_string(), finding));
  };
  // One after the other: a question goes to all ports, and two of them do not fit into a processor's backlog.
  std::vector<EchoSpec> to_bridge;
  std::vector<EchoSpec> to_containers;
  for (std::size_t i = begin; i < end; ++i) {
    to_bridge.push_back(suites::echoes(container(i).network_namespace, bridge_address(), kPayload, false, {}));
    to_containers.push_back(suites::echoes("", address(i), kPayload, false, {}));
    to_containers.back().count = 1;
  }
  for (const EchoReport& report : in_lanes(std::move(to_bridge), lanes))
    judge(report, report.spec.network_namespace, report.spec.network_namespace);
  // The node has answered them all, and so asks nobody; else one after the other, too.
  const std::vector<EchoReport> reports =
      findings.none() ? ping_on(subject(), to_containers) : in_lanes(std::move(to_containers), lanes);
  for (std::size_t i = begin; i < end; ++i) judge(reports.at(i - begin), container(i).network_namespace, "the node");
  const Snapshot seen = neighbours_of(begin, end);
  const NamespaceState& own = *seen.find_namespace("");
  const Link* const bridge = own.find_link(kBridge);
  for (std::size_t i = begin; i < end; ++i) {
    const Attachment& each = container(i);
    const NamespaceState* const state = seen.find_namespace(each.network_namespace);
    const Link* const inner = state == nullptr ? nullptr : state->find_link(each.container_link);
    if (inner == nullptr || bridge == nullptr) {
      findings.add(each.network_namespace,
                   fmt::format("no neighbour is known on {}", inner == nullptr ? each.container_link : kBridge));
      continue;
    }
    for (const std::string& finding :
         {resolution_finding(*state, each.container_link, bridge_address(), bridge->mac, kBridge),
          resolution_finding(own, kBridge, address(i), inner->mac, each.container_link)}) {
      if (!finding.empty()) findings.add(each.network_namespace, finding);
    }
  }
  // The machine has room for 1,024 such entries, all namespaces together.
  forget(seen, begin, end);
  return findings;
}

void BridgeScale::forget_pair(std::size_t one, std::size_t other) {
  SnapshotOptions options = brief_look();
  options.neighbours_only = true;
  options.only = {container(one).network_namespace, container(other).network_namespace};
  const Snapshot now = value(node().snapshot(options));
  std::vector<Change> changes;
  for (const auto& [from, to] : {std::pair(one, other), std::pair(other, one)}) {
    const NamespaceState* const state = now.find_namespace(container(from).network_namespace);
    const std::string& link = container(from).container_link;
    const Neighbour* const entry = state == nullptr ? nullptr : find_neighbour(*state, link, address(to));
    if (entry != nullptr && !entry->is_static())
      changes.emplace_back(DeleteNeighbour{state->name, link, entry->address});
  }
  if (!changes.empty()) value(node().apply(std::move(changes)));
}

std::vector<std::pair<std::size_t, std::size_t>> BridgeScale::sampled_pairs() const {
  const std::size_t all = containers() * (containers() - 1);
  const std::size_t wanted = std::min(kSample, all);
  std::mt19937 random(static_cast<std::uint32_t>(1 + ::testing::UnitTest::GetInstance()->random_seed()));
  std::set<std::pair<std::size_t, std::size_t>> pairs;
  while (pairs.size() < wanted) {
    const std::size_t drawn = random() % all;  // the same with every library, which a distribution is not
    const std::size_t from = drawn / (containers() - 1);
    const std::size_t to = drawn % (containers() - 1);
    pairs.emplace(from, to < from ? to : to + 1);
  }
  return {pairs.begin(), pairs.end()};
}

MeshSpec BridgeScale::mesh_spec() const {
  MeshSpec spec;
  for (const Attachment& each : topology().attachments)
    spec.members.push_back({each.network_namespace, each.container_link, each.addresses.front().address});
  return spec;
}

}  // namespace netns_lab::bridge_scale
