#include "reports/kernel_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "harness/base/text.h"
#include "harness/model/judgement.h"

namespace netns_lab::reports {
namespace {

constexpr std::size_t kWidestCell = 100;

using Row = std::vector<std::string>;  // what it is of, then a cell for each kernel

// Of the same scenario, target and family: its place among the kernels, and what became of it there.
struct Line {
  std::string title;
  std::map<std::size_t, const WorkerResult*> on;
};

std::string title_of(const WorkerStarted& worker) {
  return fmt::format("{}, {}, {}", worker.scenario, worker.target, worker.family);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string verdict_cell(const RequirementResult& result, const WorkerResult& worker) {
  if (!result.verdict) return "not judged";
  std::string cell = to_string(*result.verdict);
  if (*result.verdict == Verdict::kPass) return cell;
  for (const std::size_t index : result.cases) {
    const CaseEnded& of = worker.cases[index];
    if (of.verdict == *result.verdict && *result.verdict == Verdict::kSkip) return cell + ": " + first_line(of.message);
  }
  return cell;
}

// Requirements in the order of the catalogue of the first kernel that has them.
std::vector<Row> differences(const Line& line, std::size_t kernels) {
  std::vector<std::string> order;
  std::map<std::string, std::map<std::size_t, std::string>> cells;
  std::map<std::string, std::set<std::optional<Verdict>>> verdicts;
  for (const auto& [kernel, worker] : line.on) {
    for (const RequirementResult& result : by_requirement(*worker)) {
      if (!cells.contains(result.requirement.id)) order.push_back(result.requirement.id);
      cells[result.requirement.id][kernel] = verdict_cell(result, *worker);
      verdicts[result.requirement.id].insert(result.verdict);
    }
  }
  std::vector<Row> rows;
  for (const std::string& id : order) {
    if (verdicts[id].size() < 2) continue;
    Row row{"    " + id};
    for (std::size_t kernel = 0; kernel < kernels; ++kernel) row.push_back(cells[id][kernel]);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string printed(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  std::vector<Row> fit;
  for (const Row& row : rows) {
    Row cells;
    for (std::size_t i = 0; i < row.size(); ++i) {
      cells.push_back(i == 0 ? visible_line(row[i]) : visible(visible_line(row[i]), kWidestCell));
      widths[i] = std::max(widths[i], cells[i].size());
    }
    fit.push_back(std::move(cells));
  }
  std::string text;
  for (const Row& row : fit) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace

std::string kernel_table(const RunResult& run) {
  Row kernels{"kernels side by side"};
  std::vector<Line> lines;
  for (const auto& [number, worker] : run.workers) {
    const std::string& label = worker.started.kernel_label;
    if (label.empty()) continue;
    auto column = std::find(kernels.begin() + 1, kernels.end(), label);
    if (column == kernels.end()) column = kernels.insert(kernels.end(), label);
    const auto kernel = static_cast<std::size_t>(column - kernels.begin() - 1);
    const std::string title = title_of(worker.started);
    // A second one on the same kernel has other parameters, or the like: a line of its own.
    auto line = std::find_if(lines.begin(), lines.end(),
                             [&](const Line& one) { return one.title == title && !one.on.contains(kernel); });
    if (line == lines.end()) line = lines.insert(lines.end(), Line{.title = title, .on = {}});
    line->on[kernel] = &worker;
  }
  if (kernels.size() < 2) return "";
  std::vector<Row> rows{kernels};
  for (const Line& line : lines) {
    Row row{"  " + line.title};
    for (std::size_t kernel = 0; kernel + 1 < kernels.size(); ++kernel) {
      const auto on = line.on.find(kernel);
      row.push_back(on == line.on.end()
                        ? ""
                        : fmt::format("{}: {}", to_string(judge(*on->second)), to_string(count(*on->second))));
    }
    rows.push_back(std::move(row));
    for (Row& difference : differences(line, kernels.size() - 1)) rows.push_back(std::move(difference));
  }
  return printed(rows);
}

}  // namespace netns_lab::reports
