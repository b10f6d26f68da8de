// What happens in a run, as it happens: one event, one line of record.jsonl. Every report is made from these and
// nothing else.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/model/scenario.h"
#include "harness/model/verdict.h"

namespace netns_lab {

struct RunStarted {
  std::string build;  // of netns-lab
  std::vector<std::string> command;
  std::int64_t time_ms = 0;  // since the epoch
  bool operator==(const RunStarted&) const = default;
};

// One worker: one (scenario, target, parameters, family) in one lab.
struct WorkerStarted {
  int worker = 0;  // number within the run, from 0
  std::string scenario;
  std::string target;  // as given on the command line
  std::string family;  // "IPv4"
  Parameters parameters;
  std::string lab;  // provider: "sandbox"
  std::string lab_name;
  std::string kernel;                  // of the node: release
  std::vector<Requirement> catalogue;  // what this worker may judge
  std::string kernel_label = {};       // what a run on several kernels calls this one; "" there is one
  std::uint32_t order = {};            // the seed by which its claims were shuffled; 0: they were not
  bool operator==(const WorkerStarted&) const = default;
};

struct CaseStarted {
  int worker = 0;
  std::string suite;  // "SingleNamespace"
  std::string name;   // "HostReachesContainer"
  std::string file;
  int line = 0;
  std::int64_t time_ms = 0;
  bool operator==(const CaseStarted&) const = default;
};

struct CaseEnded {
  int worker = 0;
  std::string suite;
  std::string name;
  std::vector<std::string> requirements;  // ids it judged
  Level level = Level::kMust;
  Verdict verdict = Verdict::kPass;
  std::string message;   // why, for anything but a pass; may hold any bytes
  std::string evidence;  // longer: snapshots, reports, output; may be empty
  std::string file;      // of the first failed expectation, else of the test
  int line = 0;
  std::chrono::microseconds duration{0};
  std::vector<std::string> attachments = {};  // files of the report directory that belong to it: "captures/x.pcap"
  bool operator==(const CaseEnded&) const = default;
};

struct WorkerEnded {
  int worker = 0;
  ExitStatus status = ExitStatus::kConformant;
  std::string message;  // how it ended, when not well: "killed by signal 9 while Suite.Case was running"
  bool operator==(const WorkerEnded&) const = default;
};

struct RunEnded {
  ExitStatus status = ExitStatus::kConformant;
  std::chrono::microseconds duration{0};
  std::string message;
  bool operator==(const RunEnded&) const = default;
};

using RunEvent = std::variant<RunStarted, WorkerStarted, CaseStarted, CaseEnded, WorkerEnded, RunEnded>;

}  // namespace netns_lab
