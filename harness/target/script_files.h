// The files of a script target, read and checked before any lab is started.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/scenario.h"

namespace netns_lab {

// More than a script needs, little enough to send: who hits these has named the wrong folder.
inline constexpr std::size_t kMostScriptFiles = 256;
inline constexpr std::size_t kMostScriptBytes = 16 * 1024 * 1024;  // all of them together
inline constexpr int kDeepestScriptFolder = 4;

struct ScriptFile {
  std::string name;  // relative to the folder: "setup.sh", "lib/common.sh"
  std::uint32_t mode = 0644;
  std::string bytes;
};

struct ScriptFiles {
  std::vector<ScriptFile> files;  // by name
  std::string setup;              // name of the script that builds
  std::string teardown;           // "teardown.sh", or "" when there is none
  Parameters parameters;          // of env.sh; empty when there is none

  const ScriptFile* find(const std::string& name) const;
};

// `path` is a folder with setup.sh, or a script; the files are those of the folder, or those beside the script, and of
// its sub-folders. Hidden sub-folders (.git) are passed over. kInvalid, one line each: nothing there, no setup.sh, not
// a regular file, not readable, not executable (setup.sh and teardown.sh are started by their #! line), too many, too
// large, an env.sh that is more than assignments.
Result<ScriptFiles> read_script_files(const std::string& path);

}  // namespace netns_lab
