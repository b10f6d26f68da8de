// What is known of the machines that workers are judged in (mostly it is one), for whoever reports on them: why one
// ended, and what their consoles said meanwhile. A worker sees no more than that its stream ended.
//
//   NETNS_LAB_ASSIGN(const MachineWitness witness, MachineWitness::create());
//   …a keeper writes to witness.last_words() and witness.console()…
//   MachineReporter with_cause(witness);
//   reports.add(with_cause(event));
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/run_record.h"

namespace netns_lab::cli {

inline constexpr auto kConsoleFile = "console";  // in a named lab's folder

class MachineWitness {
 public:
  MachineWitness() = default;  // knows nothing
  // Of so many machines that are about to be started: files in memory.
  static Result<MachineWitness> create(int machines = 1);
  // Of the named lab of this user.
  static MachineWitness of_named(const std::string& name);
  // Of the one whose files are in this folder; of what is not there nothing is known.
  static MachineWitness of_standing(const std::string& folder);

  // Descriptors; of which machine, from 0.
  int last_words(std::size_t machine = 0) const { return machines_.at(machine).last_words.get(); }
  int console(std::size_t machine = 0) const { return machines_.at(machine).console.get(); }

  // Why something went wrong in it, on one line; "" when nothing is known to have.
  std::string cause() const;
  // The kernel's own line when it ended a process for want of memory since this value was made; "" it did not.
  std::string out_of_memory() const;
  // What the console said since then, at most its last 64 KiB; of several, one after the other, each under its name.
  std::string console_text() const;

 private:
  struct Machine {
    UniqueFd last_words;
    UniqueFd console;
    std::size_t from = 0;  // what the console had said before
  };
  static std::string text_of(const Machine& machine);
  // " of node-2" where there are several.
  std::string owner(std::size_t machine) const;

  std::vector<Machine> machines_;
};

inline constexpr auto kConsoleLog = "console.log";  // in the report directory, when something went wrong

// An error's message begins with the cause, and the first of a worker has the console's last lines among its evidence.
// What fails in a machine that was out of memory is an error, too: whether the target was wrong or was ended cannot be
// told.
class MachineReporter {
 public:
  // `witness` is borrowed; `console_log`: the console's file among the reports.
  explicit MachineReporter(const MachineWitness& witness, std::string console_log = kConsoleLog)
      : witness_(witness), console_log_(std::move(console_log)) {}
  RunEvent operator()(RunEvent event);
  bool has_error() const { return has_error_; }

 private:
  void explain(CaseEnded& ended);
  void explain(WorkerEnded& ended) const;

  const MachineWitness& witness_;
  std::string console_log_;
  bool has_error_ = false;
  int shown_for_ = -1;  // the worker whose first error has the evidence
};

}  // namespace netns_lab::cli
