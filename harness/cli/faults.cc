#include "harness/cli/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "harness/base/text.h"

namespace netns_lab::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr auto kBroken = "broken";

bool holds_faults(const fs::path& fixtures) {
  std::error_code problem;
  return fs::is_directory(fixtures / kBroken, problem);
}

std::vector<std::string> strings_of(const json& row, const char* key) {
  return row.contains(key) ? row.at(key).get<std::vector<std::string>>() : std::vector<std::string>();
}

Result<std::vector<Fault>> read_table(const std::string& fixtures, const Scenario& scenario) {
  const fs::path folder = fs::path(fixtures) / kBroken / scenario.name;
  const std::string path = folder / "broken.json";
  std::ifstream file(path);
  if (!file) return std::vector<Fault>();  // a scenario that nobody has broken yet
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<Fault> faults;
  try {
    for (const json& row : json::parse(text)) {
      Fault fault;
      fault.scenario = scenario.name;
      fault.name = row.at("name").get<std::string>();
      fault.breaks = row.at("breaks").get<std::string>();
      fault.how = row.at("how").get<std::string>();
      fault.took_hold = row.value("took_hold", "");
      fault.words = strings_of(row, "words");
      fault.also = strings_of(row, "also");
      fault.target = "script:" + (folder / fault.name).string();
      faults.push_back(std::move(fault));
    }
  } catch (const json::exception& error) {
    return tl::unexpected(Error::invalid(path, visible_line(visible(error.what(), 300)),
                                         "a list of {\"name\", \"breaks\", \"how\", …}: fixtures/README.md"));
  }
  for (const Fault& fault : faults) {
    std::vector<std::string> named = fault.also;
    named.push_back(fault.breaks);
    for (const std::string& id : named) {
      const bool is_known = std::any_of(scenario.requirements.begin(), scenario.requirements.end(),
                                        [&](const Requirement& requirement) { return requirement.id == id; });
      if (!is_known)
        return tl::unexpected(Error::invalid(path, fmt::format("{} names {}, which is no requirement of {}", fault.name,
                                                               visible(id, 80), scenario.name)));
    }
  }
  return faults;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  const std::string nearest = nearest_word(word, known);
  return nearest.empty() ? "" : fmt::format("did you mean {}?", nearest);
}

}  // namespace

Result<std::string> find_fixtures(const std::string& chosen) {
  if (!chosen.empty()) {
    if (holds_faults(chosen)) return chosen;
    return tl::unexpected(Error::invalid("--fixtures " + visible(chosen, 200), "there is no folder broken in it"));
  }
  std::error_code problem;
  const fs::path self = fs::read_symlink("/proc/self/exe", problem);
  for (fs::path at = self.parent_path(); at.has_relative_path(); at = at.parent_path()) {
    for (const char* below : {"fixtures", "share/netns-lab/fixtures"}) {
      if (holds_faults(at / below)) return (at / below).string();
    }
  }
  return tl::unexpected(Error::missing(
      "find the broken targets", fmt::format("fixtures/broken is not above {}, nor in share/netns-lab", self.string()),
      "name the folder with --fixtures DIR"));
}

Result<std::vector<Fault>> read_faults(const std::string& fixtures, const std::vector<std::string>& asked,
                                       const std::vector<Scenario>& scenarios) {
  std::vector<Fault> all;
  std::vector<std::string> known;
  for (const Scenario& scenario : scenarios) {
    NETNS_LAB_ASSIGN(std::vector<Fault> faults, read_table(fixtures, scenario));
    known.push_back(scenario.name);
    for (Fault& fault : faults) {
      known.push_back(fault.scenario + "/" + fault.name);
      all.push_back(std::move(fault));
    }
  }
  for (const std::string& wanted : asked) {
    if (std::find(known.begin(), known.end(), wanted) != known.end()) continue;
    return tl::unexpected(Error::invalid("qualify " + visible(wanted, 80),
                                         "there is no such scenario, and no such fault (SCENARIO/NAME)",
                                         did_you_mean(wanted, known)));
  }
  std::erase_if(all, [&](const Fault& fault) {
    return !asked.empty() && std::none_of(asked.begin(), asked.end(), [&](const std::string& wanted) {
      return wanted == fault.scenario || wanted == fault.scenario + "/" + fault.name;
    });
  });
  return all;
}

}  // namespace netns_lab::cli
