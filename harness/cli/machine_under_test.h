// For tests: what it takes to boot machines here, those that were booted, and machines to which something happens.
//
//   QemuInTheWay qemu(command);            // from now on the command starts this one instead
//   qemu.in_guest("echo c >/proc/sysrq-trigger");
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "harness/cli/command_under_test.h"

namespace netns_lab::cli {

// What is missing to boot a machine here, with the package that has it; "" nothing.
std::string missing_for_machines();

// The machines below this process, whoever's child they are now: it is a subreaper (command_under_test.h).
std::vector<pid_t> machines_below();

// What the command left, given five seconds to end it: processes, and folders of labs.
std::vector<std::string> left_by(const CommandUnderTest& command);

// Of a run of one whole scenario whose machine ended: every case is an error that says so, none is the target's
// failure, and the report is whole.
void expect_all_errors(const CommandUnderTest& command, const Ran& ran, std::size_t cases = 47);

// A `qemu-system-x86_64` before the real one on the command's PATH. It starts the real one with other arguments.
class QemuInTheWay {
 public:
  explicit QemuInTheWay(CommandUnderTest& command);

  // This script runs beside the first process of every machine, as its root, once a process whose command line begins
  // with "hanging" is there.
  void in_guest(const std::string& script);
  // This one runs from the beginning.
  void in_guest_from_the_beginning(const std::string& script);
  // Lines of bash, before the real one is started: `args` is what it is given, `change A B` puts B in the place of A
  // in each of them, $here is a folder.
  void before_start(const std::string& lines);
  const std::string& folder() const { return folder_; }

 private:
  void write() const;

  std::string folder_;
  std::string lines_;
  const CommandUnderTest& command_;
};

// Boots machines. Whether KVM works here is found out by the first of this process, for all of them: where it does not,
// that takes 10 s.
class MachineCommand : public CommandUnderTest {
 public:
  MachineCommand();
};

// The command is made to believe that KVM does not work here: it starts QEMU once.
void without_kvm(const CommandUnderTest& command);

// The path of a target that builds nothing and hangs, in a process whose command line begins with "hanging".
std::string hanging_target(const CommandUnderTest& command);

}  // namespace netns_lab::cli
