// list scenarios, targets, requirements; explain.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_status.h"
#include "harness/cli/output.h"
#include "harness/model/json.h"
#include "harness/target/target.h"

namespace netns_lab::cli {

ExitStatus run_list_scenarios(const Arguments& arguments, const std::vector<Scenario>& scenarios) {
  if (arguments.json) {
    nlohmann::json all = nlohmann::json::array();
    for (const Scenario& scenario : scenarios) all.push_back(scenario);
    print(dump_json(all) + "\n");
    return ExitStatus::kConformant;
  }
  for (const Scenario& scenario : scenarios) {
    std::vector<std::string> families;
    for (const Family family : scenario.families) families.push_back(to_string(family));
    print(fmt::format("{}  {}\n    families: {}; requirements: {}\n", scenario.name, scenario.title,
                      join(families, ", "), scenario.requirements.size()));
    for (const Parameter& parameter : scenario.parameters) {
      print(fmt::format("    {}={}  {}\n", parameter.name, parameter.default_value, parameter.text));
    }
  }
  return ExitStatus::kConformant;
}

ExitStatus run_list_targets(const Arguments& arguments) {
  const auto targets = known_targets();
  nlohmann::json all = nlohmann::json::array();
  for (const auto& [form, text] : targets) {
    if (arguments.json) {
      all.push_back({{"target", form}, {"text", text}});
    } else {
      print(fmt::format("{:<24} {}\n", form, text));
    }
  }
  if (arguments.json) print(dump_json(all) + "\n");
  return ExitStatus::kConformant;
}

ExitStatus run_list_requirements(const Arguments& arguments, const std::vector<Scenario>& scenarios) {
  nlohmann::json all = nlohmann::json::array();
  for (const Scenario& scenario : scenarios) {
    for (const Requirement& requirement : scenario.requirements) {
      if (arguments.json) {
        all.push_back(requirement);
      } else {
        print(fmt::format("{:<48} {:<9} {}\n", requirement.id, to_string(requirement.level), requirement.text));
      }
    }
  }
  if (arguments.json) print(dump_json(all) + "\n");
  return ExitStatus::kConformant;
}

ExitStatus run_explain(const Arguments& arguments, const std::vector<Scenario>& scenarios) {
  std::vector<std::string> known;
  for (const Scenario& scenario : scenarios) {
    for (const Requirement& requirement : scenario.requirements) {
      known.push_back(requirement.id);
      if (requirement.id != arguments.requirement) continue;
      std::string text = fmt::format("{}  {}\n\n  {}\n\n  source:   {}\n", requirement.id, to_string(requirement.level),
                                     requirement.text, requirement.source);
      if (!requirement.rests_on.empty()) text += "  rests on: " + join(requirement.rests_on, ", ") + "\n";
      if (!requirement.why.empty()) text += "\n  why: " + requirement.why + "\n";
      print(text);
      return ExitStatus::kConformant;
    }
  }
  const std::string nearest = nearest_word(arguments.requirement, known);
  return complain(Error::invalid(
      fmt::format("explain {}", visible(arguments.requirement, 80)), "there is no such requirement",
      nearest.empty() ? "netns-lab list requirements names them all" : fmt::format("did you mean {}?", nearest)));
}

}  // namespace netns_lab::cli
