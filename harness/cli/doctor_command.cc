// doctor: what this machine can do.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "harness/cli/commands.h"
#include "harness/cli/machine.h"
#include "harness/cli/output.h"
#include "harness/model/json.h"
#include "harness/node/capabilities.h"

namespace netns_lab::cli {
namespace {

// Whether a machine boots is seen by booting one; here it is whether what that takes is there.
node::Capability virtual_machines() {
  node::Capability capability;
  capability.name = "virtual machines";
  capability.needed_for = "labs with --lab qemu";
  const auto there = look_for_machine_parts({});
  capability.ok = there.has_value();
  if (there) return capability;
  capability.seen = there.error().attempted + ": " + there.error().detail;
  capability.remedy = there.error().remedy;
  return capability;
}

}  // namespace

ExitStatus run_doctor(const Arguments& arguments) {
  bool is_fit = true;
  nlohmann::json all = nlohmann::json::array();
  std::vector<node::Capability> capabilities = node::probe_capabilities();
  capabilities.push_back(virtual_machines());
  for (const node::Capability& capability : capabilities) {
    is_fit = is_fit && (capability.ok || !capability.required);
    if (arguments.json) {
      all.push_back({{"name", capability.name},
                     {"ok", capability.ok},
                     {"required", capability.required},
                     {"needed_for", capability.needed_for},
                     {"seen", capability.seen},
                     {"remedy", capability.remedy}});
      continue;
    }
    print(fmt::format("{:<8} {:<28} {}\n",
                      capability.ok         ? "ok"
                      : capability.required ? "MISSING"
                                            : "lacking",
                      capability.name, capability.ok ? "" : capability.seen));
    if (!capability.ok) {
      print(fmt::format("{:<8} needed for: {}{}{}\n", "", capability.needed_for,
                        capability.remedy.empty() ? "" : "\n         mend it:    ", capability.remedy));
    }
  }
  if (arguments.json) print(dump_json({{"fit", is_fit}, {"capabilities", all}}) + "\n");
  if (!arguments.json)
    print(is_fit ? "This machine can run sandbox labs.\n" : "This machine cannot run sandbox labs.\n");
  return is_fit ? ExitStatus::kConformant : ExitStatus::kLabMissing;
}

}  // namespace netns_lab::cli
