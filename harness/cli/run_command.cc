// run: build a scenario in a named lab and leave it standing, to look around.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <span>

#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_status.h"
#include "harness/cli/lab_choice.h"
#include "harness/cli/output.h"
#include "harness/cli/plan.h"
#include "harness/cli/services.h"
#include "harness/cli/signals.h"
#include "harness/lab/lab.h"

namespace netns_lab::cli {
namespace {

constexpr std::size_t kLastLines = 3;

protocol::ClaimRequest claim_of(const Topology& topology) {
  protocol::ClaimRequest claim;
  claim.namespaces = topology.namespaces;
  claim.links = topology.links;
  claim.nft_tables = nft_tables_of(topology);
  for (const Attachment& attachment : topology.attachments) {
    claim.addresses.insert(claim.addresses.end(), attachment.addresses.begin(), attachment.addresses.end());
  }
  claim.keep = true;
  return claim;
}

// The node does not know what its lab is called; this command line does.
std::string remedy_of_taken(std::string remedy, const LabSpec& spec) {
  const std::string destroy = "netns-lab destroy";
  const std::string in_full = destroy + lab_options(spec);
  const std::size_t at = remedy.find(destroy);
  return at == std::string::npos ? in_full + " removes what stands there" : remedy.replace(at, destroy.size(), in_full);
}

// Of the first node that fails; else of the last.
Result<TargetOutcome> build(const PlannedWorker& planned, const LabSpec& spec, std::chrono::milliseconds step_limit) {
  NETNS_LAB_ASSIGN(Lab lab, Lab::open(spec, lab_services(), limit_for(spec)));
  for (std::size_t i = 0; i < planned.topologies.size(); ++i) {
    if (auto claimed = lab.node(i).claim(claim_of(planned.topologies[i])); !claimed) {
      Error error = std::move(claimed).error();
      if (error.kind == ErrorKind::kTaken) error.remedy = remedy_of_taken(error.remedy, spec);
      return tl::unexpected(std::move(error));
    }
  }
  BuildTask task;
  task.scenario = planned.scenario->name;
  task.parameters = planned.parameters;
  task.family = planned.family;
  task.step_limit = step_limit;
  TargetOutcome outcome;
  for (std::size_t i = 0; i < planned.topologies.size() && outcome.succeeded; ++i) {
    task.topology = planned.topologies[i];
    NETNS_LAB_ASSIGN(outcome, planned.target->build(lab.node(i), task));
    if (!outcome.succeeded && planned.topologies.size() > 1)
      outcome.failure = fmt::format("on {}: {}", lab.node(i).hello().node, outcome.failure);
  }
  return outcome;
}

std::string why_it_failed(const PlannedWorker& planned, const LabSpec& spec, const TargetOutcome& outcome) {
  const std::string words = last_words(outcome.output, kLastLines, 600);
  return fmt::format(
      "{} could not build {}: {}; {}; what it built so far stands: netns-lab shell{} shows it, netns-lab destroy{} "
      "removes it",
      planned.target->name(), planned.scenario->name, outcome.failure,
      words.empty() ? "it printed nothing" : "its last words: " + words, lab_options(spec), lab_options(spec));
}

}  // namespace

ExitStatus run_build(const Arguments& arguments, const std::vector<Scenario>& scenarios) {
  const auto plan = make_plan(arguments, scenarios);
  if (!plan) return complain(plan.error());
  if (plan->targets.size() != 1) {
    return complain(Error::invalid("run", fmt::format("{} targets cannot stand in one lab", plan->targets.size()),
                                   "give one --target"));
  }
  const PlannedWorker& planned = plan->workers.front();
  auto spec = named_lab_spec(arguments);
  if (!spec) return complain(spec.error());
  spec->nodes = static_cast<int>(planned.scenario->nodes());
  if (spec->nodes > 1) spec->underlay = planned.scenario->underlay;
  const EndOnSignal interrupted(
      fmt::format("run: interrupted; what stands in the lab by now stays: netns-lab shell{} shows it, netns-lab "
                  "destroy{} removes it",
                  lab_options(*spec), lab_options(*spec)));
  const auto up = bring_up(*spec, lab_services(), limit_for(*spec));
  if (!up) return complain(up.error());
  const auto outcome = build(planned, *spec, arguments.step_limit);
  if (!outcome) return complain(outcome.error());
  if (!outcome->succeeded) {
    if (!outcome->output.empty()) print(outcome->output + "\n");
    return complain(ExitStatus::kNotConformant, why_it_failed(planned, *spec, *outcome));
  }
  print(fmt::format("{} stands in lab {} ({}), built by {}\n", planned.scenario->name, spec->name,
                    to_string(spec->provider), planned.target->name()));
  for (std::size_t i = 0; i < planned.topologies.size(); ++i) {
    const std::string where = planned.topologies.size() > 1 ? fmt::format("node-{}, ", i + 1) : "";
    for (const Attachment& attachment : planned.topologies[i].attachments) {
      std::vector<std::string> addresses;
      for (const Prefix& address : attachment.addresses) addresses.push_back(address.to_string());
      print(fmt::format("  {}{}: {} here, {} inside, {}\n", where, attachment.network_namespace, attachment.host_link,
                        attachment.container_link, join(addresses, ", ")));
    }
  }
  print(look_around(*spec, planned.topology()));
  return ExitStatus::kConformant;
}

}  // namespace netns_lab::cli
