// Scenarios, requirements, and the events of a run; the latter as bytes too.
#include "harness/model/json.h"
#include "harness/model/json_support.h"
#include "harness/model/packed.h"
#include "harness/model/packed_support.h"

namespace netns_lab {

namespace packed_support {
template <>
struct Packing<Level> : Closed<Level, Level::kAmbiguous> {};
template <>
struct Packing<Verdict> : Closed<Verdict, Verdict::kKnownFailure> {};
}  // namespace packed_support

NETNS_LAB_JSON_ENUM(Level, Level::kMust, Level::kShould, Level::kDerived, Level::kAmbiguous);
NETNS_LAB_JSON_PACKED(Requirement, id, level, source, text, rests_on, why);
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

NETNS_LAB_JSON_PACKED(RunStarted, build, command, time_ms);
NETNS_LAB_JSON_PACKED(WorkerStarted, worker, scenario, target, family, parameters, lab, lab_name, kernel, order,
                      catalogue, kernel_label);
NETNS_LAB_JSON_PACKED(CaseStarted, worker, suite, name, file, line, time_ms);
NETNS_LAB_JSON_PACKED(CaseEnded, worker, suite, name, requirements, level, verdict, message, evidence, file, line,
                      duration, attachments);
NETNS_LAB_JSON_PACKED(WorkerEnded, worker, status, message);
NETNS_LAB_JSON_PACKED(RunEnded, status, duration, message);

NETNS_LAB_JSON_VARIANT(RunEvent, "event", "run-started", "worker-started", "case-started", "case-ended", "worker-ended",
                       "run-ended");

void append_packed(const RunEvent& event, std::string& bytes) { packed_support::put_all(bytes, event); }

Result<RunEvent> take_packed_event(std::string_view& bytes) {
  packed_support::Unpacker in(bytes);
  RunEvent event;
  packed_support::take_all(in, event);
  if (in.failed()) {
    return tl::unexpected(Error::internal("read an event of a run", "its bytes end too early, or are none of ours"));
  }
  bytes = in.rest();
  return event;
}

}  // namespace netns_lab
