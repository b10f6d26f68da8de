// For the tests of this folder: a line of bash, with a PATH and nothing else.
#pragma once

#include <string>

#include "harness/process/command.h"

namespace netns_lab::process {

inline Command shell(const std::string& line) {
  Command command;
  command.argv = {"bash", "-c", line};
  command.environment = {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
  return command;
}

}  // namespace netns_lab::process
