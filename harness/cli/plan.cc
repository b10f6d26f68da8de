#include "harness/cli/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "harness/base/text.h"
#include "harness/cli/option_file.h"
#include "harness/target/env_file.h"
#include "harness/testing/selection.h"
#include "harness/testing/worker.h"

namespace netns_lab::cli {
namespace {

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  const std::string nearest = nearest_word(word, known);
  return nearest.empty() ? "" : fmt::format("did you mean {}?", nearest);
}

Result<std::vector<const Scenario*>> select_scenarios(const Arguments& arguments,
                                                      const std::vector<Scenario>& scenarios) {
  std::vector<const Scenario*> selected;
  std::vector<std::string> names;
  for (const Scenario& scenario : scenarios) names.push_back(scenario.name);
  if (arguments.scenarios.empty()) {
    for (const Scenario& scenario : scenarios) selected.push_back(&scenario);
  }
  for (const std::string& wanted : arguments.scenarios) {
    const auto found = std::find(names.begin(), names.end(), wanted);
    if (found == names.end()) {
      return tl::unexpected(Error::invalid(fmt::format("scenario {}", visible(wanted, 80)),
                                           "there is no such scenario; known are " + join(names, ", "),
                                           did_you_mean(wanted, names)));
    }
    const Scenario* scenario = &scenarios[static_cast<std::size_t>(found - names.begin())];
    if (std::find(selected.begin(), selected.end(), scenario) == selected.end()) selected.push_back(scenario);
  }
  return selected;
}

// --containers N asks for the scenario of that name at scale, with CONTAINERS=N.
constexpr auto kAtScale = "-scale";
constexpr auto kContainers = "CONTAINERS";

Result<const Scenario*> scenario_at_scale(const Arguments& arguments, const std::vector<const Scenario*>& selected,
                                          const std::vector<Scenario>& scenarios) {
  std::vector<std::string> known;
  for (const Scenario& scenario : scenarios) {
    if (!scenario.name.ends_with(kAtScale)) continue;
    const std::string plain = scenario.name.substr(0, scenario.name.size() - std::string_view(kAtScale).size());
    known.push_back(plain);
    const bool is_asked = arguments.scenarios.size() == 1 && selected.size() == 1 &&
                          (selected.front()->name == plain || selected.front()->name == scenario.name);
    if (is_asked) return &scenario;
  }
  return tl::unexpected(Error::invalid("--containers " + visible(arguments.containers, 80),
                                       "it is of one scenario alone: " + join(known, ", "),
                                       "netns-lab test bridge --containers 100"));
}

Result<Parameters> read_env_file(const std::string& path) {
  NETNS_LAB_ASSIGN(const std::string text, read_option_file("--env-file", path, kMostEnvFileBytes));
  return parse_env_file(text, path);
}

// What --param says must be known to one of the scenarios: a typing error must not judge the default.
Result<void> check_parameter_names(const Arguments& arguments, const std::vector<const Scenario*>& scenarios) {
  std::vector<std::string> known;
  for (const Scenario* scenario : scenarios) {
    for (const Parameter& parameter : scenario->parameters) known.push_back(parameter.name);
  }
  for (const auto& [name, value] : arguments.parameters) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return tl::unexpected(
        Error::invalid(fmt::format("--param {}={}", visible(name, 80), visible(value, 80)),
                       fmt::format("there is no parameter {}; known are {}", visible(name, 80), join(known, ", ")),
                       did_you_mean(name, known)));
  }
  return {};
}

// Each pattern of --filter must be of something: one that is of nothing is a typing error, and would judge less than
// was meant.
Result<void> check_filter(const Arguments& arguments, const std::vector<const Scenario*>& scenarios) {
  if (arguments.filter.empty()) return {};
  std::vector<Requirement> catalogue;
  std::vector<std::string> cases;
  std::vector<std::string> known;
  for (const Scenario* scenario : scenarios) {
    catalogue.insert(catalogue.end(), scenario->requirements.begin(), scenario->requirements.end());
    for (const std::string& one : list_cases(*scenario)) cases.push_back(one);
  }
  for (const Requirement& requirement : catalogue) known.push_back(requirement.id);
  known.insert(known.end(), cases.begin(), cases.end());
  const std::vector<std::string> unmatched = Selection(arguments.filter, catalogue).unmatched(cases);
  if (unmatched.empty()) return {};
  const std::string hint = did_you_mean(unmatched.front(), known);
  return tl::unexpected(
      Error::invalid("--filter " + visible(arguments.filter, 200),
                     fmt::format("\"{}\" is of no requirement and of no case", visible(unmatched.front(), 80)),
                     hint.empty() ? "netns-lab list requirements names them all" : hint));
}

void override_with(Parameters& parameters, const Scenario& scenario, const Parameters& others) {
  for (const Parameter& parameter : scenario.parameters) {
    const auto found = others.find(parameter.name);
    if (found != others.end()) parameters[parameter.name] = found->second;
  }
}

}  // namespace

std::string PlannedWorker::label() const {
  return fmt::format("{}, {}, {}", scenario->name, target->name(), to_string(family));
}

Result<Plan> make_plan(const Arguments& arguments, const std::vector<Scenario>& scenarios) {
  NETNS_LAB_ASSIGN(std::vector<const Scenario*> selected, select_scenarios(arguments, scenarios));
  std::optional<Family> only = arguments.family;
  if (!arguments.containers.empty()) {
    NETNS_LAB_ASSIGN(const Scenario* const scaled, scenario_at_scale(arguments, selected, scenarios));
    selected = {scaled};
    if (!only) only = Family::kIpv4;  // a thousand containers in one family is what the machine has room for
  }
  NETNS_LAB_TRY(check_parameter_names(arguments, selected));
  NETNS_LAB_TRY(check_filter(arguments, selected));
  Parameters from_file;
  if (!arguments.env_file.empty()) {
    NETNS_LAB_ASSIGN(from_file, read_env_file(arguments.env_file));
  }
  Parameters from_command_line;
  for (const auto& [name, value] : arguments.parameters) from_command_line[name] = value;
  if (!arguments.containers.empty()) from_command_line[kContainers] = arguments.containers;

  Plan plan;
  const std::vector<std::string> native{"native"};
  for (const std::string& text : arguments.targets.empty() ? native : arguments.targets) {
    NETNS_LAB_ASSIGN(LoadedTarget loaded, load_target(text));
    plan.targets.push_back(std::move(loaded.target));
    Target* target = plan.targets.back().get();
    for (const Scenario* scenario : selected) {
      const std::size_t before = plan.workers.size();
      Parameters parameters;
      for (const Parameter& parameter : scenario->parameters) parameters[parameter.name] = parameter.default_value;
      override_with(parameters, *scenario, loaded.parameters);
      override_with(parameters, *scenario, from_file);
      override_with(parameters, *scenario, from_command_line);
      const std::vector<Family> families = target->families();
      for (const Family family : scenario->families) {
        if (std::find(families.begin(), families.end(), family) == families.end()) continue;
        if (only && *only != family) continue;
        NETNS_LAB_ASSIGN(std::vector<Topology> topologies, scenario->topologies(parameters, family));
        plan.workers.push_back({scenario, target, family, parameters, std::move(topologies)});
      }
      if (plan.workers.size() == before) {
        return tl::unexpected(
            Error::invalid(fmt::format("--target {}", text),
                           fmt::format("it builds no {} that scenario {} has",
                                       only ? to_string(*only) + " network" : "address family", scenario->name)));
      }
    }
  }
  return plan;
}

}  // namespace netns_lab::cli
