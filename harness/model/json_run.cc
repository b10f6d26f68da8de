// Scenarios, requirements, and the events of a run.
#include "harness/model/json.h"
#include "harness/model/json_support.h"

namespace netns_lab {

NETNS_LAB_JSON_ENUM(Level, Level::kMust, Level::kShould, Level::kDerived, Level::kAmbiguous);
NETNS_LAB_JSON(Requirement, id, level, source, text, rests_on, why);
NETNS_LAB_JSON_ENUM(Verdict, Verdict::kPass, Verdict::kFail, Verdict::kSkip, Verdict::kError, Verdict::kKnownFailure);

void to_json(nlohmann::json& out, const ExitStatus& value) { out = static_cast<int>(value); }
void from_json(const nlohmann::json& in, ExitStatus& value) {
  static constexpr ExitStatus kKnown[] = {ExitStatus::kConformant, ExitStatus::kNotConformant, ExitStatus::kUsage,
                                          ExitStatus::kLabMissing, ExitStatus::kHarnessBroke,  ExitStatus::kNothingRan,
                                          ExitStatus::kDeadline,   ExitStatus::kInterrupted};
  const int number = json_support::decode<int>(in);
  for (const ExitStatus status : kKnown) {
    if (static_cast<int>(status) == number) {
      value = status;
      return;
    }
  }
  json_support::fail_expected("an exit status (0-5, 124, 130)", in);
}

NETNS_LAB_JSON(Parameter, name, default_value, text);
NETNS_LAB_JSON(Attachment, network_namespace, host_link, container_link, addresses, gateway);
NETNS_LAB_JSON(Topology, namespaces, links, attachments, node_address, build, tear_down, daemons);

void to_json(nlohmann::json& out, const Scenario& scenario) {
  out = {{"name", scenario.name},
         {"title", scenario.title},
         {"parameters", json_support::encode(scenario.parameters)},
         {"families", json_support::encode(scenario.families)},
         {"nodes", scenario.nodes()},
         {"requirements", json_support::encode(scenario.requirements)}};
}

NETNS_LAB_JSON(RunStarted, build, command, time_ms);
NETNS_LAB_JSON(WorkerStarted, worker, scenario, target, family, parameters, lab, lab_name, kernel, order, catalogue,
               kernel_label);
NETNS_LAB_JSON(CaseStarted, worker, suite, name, file, line, time_ms);
NETNS_LAB_JSON(CaseEnded, worker, suite, name, requirements, level, verdict, message, evidence, file, line, duration,
               attachments);
NETNS_LAB_JSON(WorkerEnded, worker, status, message);
NETNS_LAB_JSON(RunEnded, status, duration, message);

NETNS_LAB_JSON_VARIANT(RunEvent, "event", "run-started", "worker-started", "case-started", "case-ended", "worker-ended",
                       "run-ended");

}  // namespace netns_lab
