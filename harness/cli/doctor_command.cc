// doctor: what this machine can do.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "harness/cli/commands.h"
#include "harness/cli/instance.h"
#include "harness/cli/machine.h"
#include "harness/cli/output.h"
#include "harness/model/json.h"
#include "harness/node/capabilities.h"

namespace netns_lab::cli {
namespace {

// Of what a provider of other machines takes; whether one starts is seen by starting one.
node::Capability provider(const char* name, const char* needed_for, const Result<void>& there) {
  node::Capability capability;
  capability.name = name;
  capability.needed_for = needed_for;
  capability.ok = there.has_value();
  if (there) return capability;
  capability.seen = there.error().attempted + ": " + there.error().detail;
  capability.remedy = there.error().remedy;
  return capability;
}

Result<void> look_for_qemu() {
  NETNS_LAB_TRY(look_for_machine_parts({}));
  return {};
}

}  // namespace

ExitStatus run_doctor(const Arguments& arguments) {
  bool is_fit = true;
  nlohmann::json all = nlohmann::json::array();
  std::vector<node::Capability> capabilities = node::probe_capabilities();
  capabilities.push_back(provider("virtual machines", "labs with --lab qemu", look_for_qemu()));
  capabilities.push_back(provider("multipass", "labs with --lab multipass", look_for_multipass()));
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
    const char* const word = capability.ok ? "ok" : capability.required ? "MISSING" : "lacking";
    print(capability.ok ? fmt::format("{:<8} {}\n", word, capability.name)
                        : fmt::format("{:<8} {:<28} {}\n", word, capability.name, capability.seen));
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
