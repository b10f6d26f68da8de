// up, destroy, list labs.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_status.h"
#include "harness/cli/lab_choice.h"
#include "harness/cli/output.h"
#include "harness/cli/services.h"
#include "harness/cli/signals.h"
#include "harness/lab/lab.h"
#include "harness/model/json.h"

namespace netns_lab::cli {

ExitStatus run_up(const Arguments& arguments) {
  auto spec = named_lab_spec(arguments);
  if (!spec) return complain(spec.error());
  spec->nodes = arguments.nodes;
  if (arguments.routed && spec->nodes == 1)
    return complain(Error::invalid("--routed", "one node has nobody to be routed to", "add --nodes 2"));
  if (spec->nodes > 1) spec->underlay = arguments.routed ? Underlay::kRouted : Underlay::kOneSegment;
  const EndOnSignal interrupted(
      fmt::format("up: interrupted; netns-lab destroy{} removes what was begun", lab_options(*spec)));
  const auto report = bring_up(*spec, lab_services(), limit_for(*spec));
  if (!report) return complain(report.error());
  if (report->reused) {
    if (const auto same = check_kernel(*spec, report->hello.kernel); !same) return complain(same.error());
    if (const auto same = check_state_disk(*spec); !same) return complain(same.error());
    tell_what_is_not_changed(*spec);
  }
  if (!report->replaced.empty()) say(fmt::format("the lab that was there had to make way: {}", report->replaced));
  for (const std::string& lost : report->hello.lost) say("this node lacks: " + lost);
  std::string addresses;
  for (const Prefix& prefix : report->hello.uplink_addresses) addresses += " " + prefix.to_string();
  const std::string others = spec->nodes > 1 ? fmt::format("; {} nodes", spec->nodes) : "";
  print(fmt::format("lab {} ({}): {}; node {}{}{}{}\n", spec->name, report->hello.provider,
                    report->reused ? "reused" : "made", report->hello.node,
                    report->hello.uplink.empty() ? "" : ", uplink " + report->hello.uplink, addresses, others));
  return ExitStatus::kConformant;
}

ExitStatus run_destroy(const Arguments& arguments) {
  const auto spec = named_lab_spec(arguments);
  if (!spec) return complain(spec.error());
  const auto dead = undo_dead_runs();
  if (!dead) say(dead.error().message());
  const bool undone = dead && *dead > 0;
  if (undone) print(fmt::format("this machine: what dead runs had left was undone ({})\n", *dead));
  const auto destroyed = destroy(*spec, lab_services(), limit_for(*spec));
  // Without a name it is enough that there was something of a dead run.
  const bool is_done = undone && arguments.lab_name.empty();
  if (is_done && !destroyed && destroyed.error().kind == ErrorKind::kMissing) return ExitStatus::kConformant;
  if (!destroyed) return complain(destroyed.error());
  print(fmt::format("lab {}: destroyed\n", spec->name));
  return ExitStatus::kConformant;
}

ExitStatus run_list_labs(const Arguments& arguments) {
  const auto labs = named_labs();
  if (!labs) return complain(labs.error());
  if (arguments.json) {
    nlohmann::json all = nlohmann::json::array();
    for (const NamedLab& lab : *labs) {
      all.push_back({{"name", lab.name},
                     {"provider", to_string(lab.provider)},
                     {"up", lab.up},
                     {"state", lab.state},
                     {"pid", lab.pid},
                     {"nodes", lab.nodes}});
    }
    print(dump_json(all) + "\n");
    return ExitStatus::kConformant;
  }
  for (const NamedLab& lab : *labs)
    print(fmt::format("{:<20} {:<10} {}\n", lab.name, to_string(lab.provider), lab.state));
  if (labs->empty()) say("there are no labs; make one: netns-lab up");
  return ExitStatus::kConformant;
}

}  // namespace netns_lab::cli
