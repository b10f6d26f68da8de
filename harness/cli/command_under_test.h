// For tests: the built `netns-lab` as a user runs it, in a folder and with a runtime directory of the test's own.
//
//   CommandUnderTest command;
//   const Ran ran = command.run({"test", "nosuch"});   ran.status, ran.output, ran.errors
//
// Whatever the command leaves running becomes a child of the test (subreaper), so that `leavings()` sees it.
#pragma once

#include <gmock/gmock.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "harness/base/unique_fd.h"

namespace netns_lab::cli {

struct Ran {
  int status = -1;  // exit status; 128 + N when signal N ended it
  std::string output;
  std::string errors;
};
std::ostream& operator<<(std::ostream& out, const Ran& ran);

// Of a Ran: a failure shows all that it printed.
inline auto HasStatus(int status) { return ::testing::Field("status", &Ran::status, status); }

class CommandUnderTest {
 public:
  CommandUnderTest();
  CommandUnderTest(const CommandUnderTest&) = delete;
  CommandUnderTest& operator=(const CommandUnderTest&) = delete;
  ~CommandUnderTest();

  // Called in the child, before the command is executed.
  std::function<void()> before_execution;
  std::map<std::string, std::string> environment;

  // Every run writes its reports to `report_directory` unless it says otherwise.
  Ran run(const std::vector<std::string>& arguments, const std::string& input = "");

  // One that is under way.
  struct Running {
    pid_t pid = 0;
    UniqueFd output;  // of the command: standard output and error, in files
    UniqueFd errors;
  };
  Running start(const std::vector<std::string>& arguments, const std::string& input = "");
  Ran wait(Running running);  // at most so long, then it is killed
  std::chrono::seconds patience{60};

  const std::string& folder() const { return folder_; }
  std::string report(const std::string& file) const;  // contents of a file of the report directory
  // Of junit.xml: each element that begins like this ("<failure"), up to its end.
  std::vector<std::string> report_lines(const std::string& beginning) const;
  std::string write(const std::string& name, const std::string& text, int mode = 0644) const;  // its path
  static std::string fixture(const std::string& path);  // below fixtures/ of the source tree
  static std::string binary();

  // Processes that the command left running, given `patience` to end: their command lines.
  static std::vector<std::string> leavings(std::chrono::milliseconds patience = std::chrono::seconds(5));

 private:
  std::string folder_;
};

// Waits until `condition` holds; false after ten seconds.
bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit = std::chrono::seconds(10));

}  // namespace netns_lab::cli
