#include "suites/common/reach_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace netns_lab::suites {
namespace {

std::string name_of(const std::string& network_namespace) {
  return network_namespace.empty() ? "the node" : network_namespace;
}

template <typename Names>
void add_once(Names& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

std::size_t widest(const std::vector<std::string>& names, std::size_t least) {
  for (const std::string& name : names) least = std::max(least, name.size());
  return least;
}

}  // namespace

void ReachTable::add(const std::string& from, const std::string& to, std::vector<std::string> findings) {
  cells_.push_back({name_of(from), to, std::move(findings)});
}

bool ReachTable::all_reached() const {
  return !cells_.empty() &&
         std::all_of(cells_.begin(), cells_.end(), [](const Cell& cell) { return cell.findings.empty(); });
}

std::string ReachTable::text() const {
  if (cells_.empty()) return "no pair was tried: nothing is proved";
  std::vector<std::string> rows;
  std::vector<std::string> columns;
  for (const Cell& cell : cells_) {
    add_once(rows, cell.from);
    add_once(columns, cell.to);
  }
  const std::string corner = "from \\ to";
  const std::size_t first = widest(rows, corner.size());
  std::string text = fmt::format("every pair shall reach; observed:\n  {:<{}}", corner, first);
  for (const std::string& column : columns) text += fmt::format("  {:<5}", column);
  std::string reasons;
  for (const std::string& row : rows) {
    text += fmt::format("\n  {:<{}}", row, first);
    for (const std::string& column : columns) {
      const auto cell = std::find_if(cells_.begin(), cells_.end(),
                                     [&](const Cell& one) { return one.from == row && one.to == column; });
      const std::string word = cell == cells_.end() ? "-" : cell->findings.empty() ? "yes" : "NO";
      text += fmt::format("  {:<{}}", word, std::max<std::size_t>(column.size(), 5));
      if (word == "NO") reasons += fmt::format("\n  {} to {}: {}", row, column, cell->findings.front());
    }
  }
  return text + reasons;
}

}  // namespace netns_lab::suites
