// diff, report: from files of earlier runs.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_status.h"
#include "harness/cli/output.h"
#include "harness/cli/report_directory.h"
#include "harness/model/diff.h"
#include "harness/model/json.h"
#include "harness/model/json_support.h"
#include "harness/model/judgement.h"
#include "harness/model/run_result.h"
#include "reports/junit.h"
#include "reports/record.h"

namespace netns_lab::cli {
namespace {

Result<Snapshot> read_snapshot(const std::string& path) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed))
    return tl::unexpected(Error::invalid("diff " + visible(path, 200), "it is a folder", "give two files"));
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) return tl::unexpected(Error::invalid("diff " + visible(path, 200), "it cannot be read"));
  const auto json = parse_json(text);
  auto snapshot = json ? json_to<Snapshot>(*json) : Result<Snapshot>(tl::unexpected(json.error()));
  if (snapshot) return snapshot;
  return tl::unexpected(Error::invalid("diff " + visible(path, 200),
                                       "it is not a snapshot: " + snapshot.error().message(),
                                       "netns-lab snapshot --output FILE writes one"));
}

// Renumbers the workers of a further record, so that those of all records are told apart.
int renumber(RunEvent& event, int offset) {
  return std::visit(
      [offset](auto& one) {
        if constexpr (requires { one.worker; }) {
          one.worker += offset;
          return one.worker;
        } else {
          return -1;
        }
      },
      event);
}

}  // namespace

ExitStatus run_diff(const Arguments& arguments) {
  const auto before = read_snapshot(arguments.files.at(0));
  if (!before) return complain(before.error());
  const auto after = read_snapshot(arguments.files.at(1));
  if (!after) return complain(after.error());
  DiffOptions options;
  options.contents_of_whole_namespaces = true;
  const std::vector<Finding> findings = diff(*before, *after, options);
  print(to_lines(findings));
  return findings.empty() ? ExitStatus::kConformant : ExitStatus::kNotConformant;
}

ExitStatus run_report(const Arguments& arguments) {
  std::vector<RunEvent> merged;
  int workers = 0;
  for (const std::string& path : arguments.files) {
    auto record = reports::read_record(path);
    if (!record) return complain(ExitStatus::kUsage, record.error().message());
    if (!record->cut.empty()) say(fmt::format("{}: {}", path, record->cut));
    const int offset = workers;
    for (RunEvent& event : record->events) {
      workers = std::max(workers, renumber(event, offset) + 1);
      merged.push_back(std::move(event));
    }
  }
  RunResult result;
  for (const RunEvent& event : merged) result.add(event);
  const auto directory = ReportDirectory::open(arguments.report_directory);
  if (!directory) return complain(directory.error());
  auto writer = reports::RecordWriter::create(directory->file("record.jsonl"));
  if (!writer) return complain(directory->refused(writer.error()));
  auto junit = reports::JunitFile::create(directory->file("junit.xml"));
  if (!junit) return complain(directory->refused(junit.error()));
  for (const RunEvent& event : merged) {
    junit->add(event);
    if (const auto written = writer->write(event); !written) return complain(written.error());
  }
  if (const auto written = junit->write(); !written) return complain(written.error());
  print(fmt::format("{} records, {} workers: {}\nreport: {}\n", arguments.files.size(), workers,
                    to_string(count(result)), directory->file("junit.xml")));
  return judge(result);
}

}  // namespace netns_lab::cli
