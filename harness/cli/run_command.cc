// run: build a scenario in a named lab and leave it standing, to look around.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_status.h"
#include "harness/cli/lab_choice.h"
#include "harness/cli/output.h"
#include "harness/cli/plan.h"
#include "harness/cli/services.h"
#include "harness/lab/lab.h"

namespace netns_lab::cli {
namespace {

constexpr std::chrono::seconds kLabLimit{120};  // a virtual machine takes its time to boot

protocol::ClaimRequest claim_of(const Topology& topology) {
  protocol::ClaimRequest claim;
  claim.namespaces = topology.namespaces;
  claim.links = topology.links;
  for (const Attachment& attachment : topology.attachments) {
    claim.addresses.insert(claim.addresses.end(), attachment.addresses.begin(), attachment.addresses.end());
  }
  claim.keep = true;
  return claim;
}

Result<TargetOutcome> build(const PlannedWorker& planned, const LabSpec& spec, std::chrono::milliseconds step_limit) {
  NETNS_LAB_ASSIGN(Lab lab, Lab::open(spec, lab_services(), Deadline::after(kLabLimit)));
  if (auto claimed = lab.node().claim(claim_of(planned.topology)); !claimed) {
    Error error = std::move(claimed).error();
    if (error.kind == ErrorKind::kTaken && error.remedy.empty()) {
      error.remedy = fmt::format("netns-lab destroy --name {} removes what stands there", spec.name);
    }
    return tl::unexpected(std::move(error));
  }
  BuildTask task;
  task.scenario = planned.scenario->name;
  task.parameters = planned.parameters;
  task.family = planned.family;
  task.topology = planned.topology;
  task.step_limit = step_limit;
  return planned.target->build(lab.node(), task);
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
  const auto spec = named_lab_spec(arguments);
  if (!spec) return complain(spec.error());
  const auto up = bring_up(*spec, lab_services(), Deadline::after(kLabLimit));
  if (!up) return complain(up.error());
  const auto outcome = build(planned, *spec, arguments.step_limit);
  if (!outcome) return complain(outcome.error());
  if (!outcome->succeeded) {
    if (!outcome->output.empty()) print(outcome->output + "\n");
    return complain(ExitStatus::kNotConformant, fmt::format("{} could not build {}: {}", planned.target->name(),
                                                            planned.scenario->name, outcome->failure));
  }
  const std::string name = spec->name == kDefaultLabName ? "" : " --name " + spec->name;
  print(fmt::format("{} stands in lab {} ({}), built by {}\n", planned.scenario->name, spec->name,
                    to_string(spec->provider), planned.target->name()));
  for (const Attachment& attachment : planned.topology.attachments) {
    std::vector<std::string> addresses;
    for (const Prefix& address : attachment.addresses) addresses.push_back(address.to_string());
    print(fmt::format("  {}: {} here, {} inside, {}\n", attachment.network_namespace, attachment.host_link,
                      attachment.container_link, join(addresses, ", ")));
  }
  print(
      fmt::format("look around:  netns-lab shell{0}\ninside it:    netns-lab shell{0} --netns {1}\nremove it:    "
                  "netns-lab destroy{0}\n",
                  name, planned.topology.namespaces.empty() ? "NAME" : planned.topology.namespaces.front()));
  return ExitStatus::kConformant;
}

}  // namespace netns_lab::cli
