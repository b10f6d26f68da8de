#include "harness/cli/kill_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "harness/base/text.h"
#include "harness/model/json.h"
#include "harness/model/json_support.h"
#include "reports/failure_text.h"

namespace netns_lab::cli {
namespace {

using json_support::encode;
using nlohmann::json;

// What all failed cases of one requirement said.
std::string words_of(const WorkerResult& worker, const RequirementResult& result) {
  std::string text;
  for (const std::size_t index : result.cases) {
    const CaseEnded& one = worker.cases[index];
    if (one.verdict != Verdict::kFail) continue;
    text += (text.empty() ? "" : "\n") + reports::without_code(one.message);
  }
  return text;
}

std::string quoted(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += fmt::format("{}\"{}\"", all.empty() ? "" : ", ", text);
  return all;
}

struct Counts {
  std::size_t all = 0;
  std::size_t killed = 0;
};
std::vector<std::pair<std::string, Counts>> by_scenario(const std::vector<Kill>& kills) {
  std::vector<std::pair<std::string, Counts>> counts;
  for (const Kill& kill : kills) {
    if (counts.empty() || counts.back().first != kill.fault.scenario) counts.push_back({kill.fault.scenario, {}});
    ++counts.back().second.all;
    if (kill.is_killed()) ++counts.back().second.killed;
  }
  return counts;
}

// A share of 99.6 % is not 100 %.
int percent(const Counts& counts) { return counts.all == 0 ? 0 : static_cast<int>(counts.killed * 100 / counts.all); }

std::string in_a_cell(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::string cell;
  for (const char c : text) cell += c == '|' ? "\\|" : std::string(1, c);
  return cell;
}

}  // namespace

bool Kill::is_killed() const { return complaints().empty(); }

std::vector<std::string> Kill::complaints() const {
  std::vector<std::string> lines;
  if (!worker_failed.empty()) lines.push_back("the worker did not end well: " + worker_failed);
  if (!errors.empty()) lines.push_back("ended in an error, which is never a target's fault: " + join(errors, ", "));
  if (!verdict) lines.push_back(fault.breaks + " was not judged");
  if (verdict && *verdict != Verdict::kFail)
    lines.push_back(fmt::format("{} should have failed; it is: {}", fault.breaks, to_string(*verdict)));
  if (is_caught() && fault.words.empty()) lines.emplace_back("the table says no words that the failure must contain");
  if (!missing_words.empty()) lines.push_back(fmt::format("{} did not say {}", fault.breaks, quoted(missing_words)));
  if (!unrelated.empty()) lines.push_back("failed without being broken: " + join(unrelated, ", "));
  if (!observation_failed.empty()) lines.push_back("could not be observed: " + observation_failed);
  if (fault.took_hold.empty()) {
    lines.emplace_back("the table says no observation that shows that it took hold");
  } else if (!took_hold && observation_failed.empty()) {
    lines.push_back(fmt::format("did not take hold: expected to observe \"{}\"; observed: {}", fault.took_hold,
                                observed.empty() ? "nothing that a right target does not do" : join(observed, "; ")));
  }
  return lines;
}

Kill judge_fault(const Fault& fault, const WorkerResult& worker, Result<std::vector<std::string>> observed) {
  Kill kill;
  kill.fault = fault;
  if (observed) {
    kill.observed = *std::move(observed);
  } else {
    kill.observation_failed = observed.error().message();
  }
  kill.took_hold =
      !fault.took_hold.empty() && std::any_of(kill.observed.begin(), kill.observed.end(), [&](const std::string& line) {
        return line.find(fault.took_hold) != std::string::npos;
      });
  for (const RequirementResult& result : by_requirement(worker)) {
    const std::string& id = result.requirement.id;
    if (id == fault.breaks) {
      kill.verdict = result.verdict;
      kill.said = words_of(worker, result);
    }
    if (result.verdict == Verdict::kError) kill.errors.push_back(id);
    if (result.verdict != Verdict::kFail) continue;
    kill.failed.push_back(id);
    const bool is_expected =
        id == fault.breaks || std::find(fault.also.begin(), fault.also.end(), id) != fault.also.end();
    if (!is_expected) kill.unrelated.push_back(id);
  }
  if (kill.is_caught()) {
    for (const std::string& word : fault.words) {
      if (kill.said.find(word) == std::string::npos) kill.missing_words.push_back(word);
    }
  }
  kill.status = worker.ended ? worker.ended->status : ExitStatus::kHarnessBroke;
  const bool is_well = kill.status == ExitStatus::kNotConformant || kill.status == ExitStatus::kConformant;
  if (!worker.ended) {
    kill.worker_failed = "it never ended";
  } else if (!is_well && kill.errors.empty()) {
    kill.worker_failed = worker.ended->message.empty() ? to_string(kill.status) : worker.ended->message;
  }
  return kill;
}

std::string kill_line(const Kill& kill) {
  const char* const state = kill.is_killed() ? "killed" : kill.is_caught() ? "CAUGHT" : "ESCAPED";
  std::string text =
      fmt::format("  {:<8} {:<40} {:<38} {}\n", state, kill.fault.name, kill.fault.breaks, kill.fault.how);
  for (const std::string& line : kill.complaints()) text += fmt::format("           - {}\n", visible(line, 2000));
  return text;
}

std::string kill_summary(const std::vector<Kill>& kills) {
  std::string text;
  for (const auto& [scenario, counts] : by_scenario(kills))
    text += fmt::format("{}: {} of {} faults killed ({} %)\n", scenario, counts.killed, counts.all, percent(counts));
  return text;
}

std::string kill_markdown(const std::vector<Kill>& kills) {
  std::string text = "# Kill table\n\n";
  for (const auto& [scenario, counts] : by_scenario(kills)) {
    text += fmt::format("## {}: {} of {} ({} %)\n\n", scenario, counts.killed, counts.all, percent(counts));
    text +=
        "| fault | what is wrong | must fail | took hold | caught | words | unrelated "
        "|\n|---|---|---|---|---|---|---|\n";
    for (const Kill& kill : kills) {
      if (kill.fault.scenario != scenario) continue;
      text += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", kill.fault.name, in_a_cell(kill.fault.how),
                          kill.fault.breaks, kill.took_hold ? "yes" : "**no**", kill.is_caught() ? "yes" : "**no**",
                          in_a_cell(kill.missing_words.empty() ? quoted(kill.fault.words)
                                                               : "**missing: " + quoted(kill.missing_words) + "**"),
                          kill.unrelated.empty() ? "" : "**" + join(kill.unrelated, ", ") + "**");
    }
    text += "\n";
  }
  return text;
}

std::string kill_json(const std::vector<Kill>& kills, ExitStatus status) {
  json faults = json::array();
  for (const Kill& kill : kills) {
    faults.push_back({{"scenario", encode(kill.fault.scenario)},
                      {"name", encode(kill.fault.name)},
                      {"breaks", encode(kill.fault.breaks)},
                      {"how", encode(kill.fault.how)},
                      {"killed", kill.is_killed()},
                      {"complaints", encode(kill.complaints())},
                      {"took_hold", {{"expected", encode(kill.fault.took_hold)}, {"seen", kill.took_hold}}},
                      {"observed", encode(kill.observed)},
                      {"verdict", kill.verdict ? encode(*kill.verdict) : json(nullptr)},
                      {"words", {{"expected", encode(kill.fault.words)}, {"missing", encode(kill.missing_words)}}},
                      {"said", encode(kill.said)},
                      {"failed", encode(kill.failed)},
                      {"unrelated", encode(kill.unrelated)},
                      {"errors", encode(kill.errors)}});
  }
  json scenarios = json::array();
  for (const auto& [scenario, counts] : by_scenario(kills)) {
    scenarios.push_back({{"scenario", encode(scenario)},
                         {"faults", counts.all},
                         {"killed", counts.killed},
                         {"percent", percent(counts)}});
  }
  const json out{{"status", encode(status)}, {"scenarios", std::move(scenarios)}, {"faults", std::move(faults)}};
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace netns_lab::cli
