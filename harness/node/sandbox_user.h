// The id maps of a sandbox's user namespace.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "harness/base/error.h"

namespace netns_lab::node {

struct IdMaps {
  std::string users;  // lines of "inside outside count", as /proc/PID/uid_map takes them (user_namespaces(7))
  std::string groups;
  bool allow_setgroups = false;
};

// The map that leaves every id as it is, from this process's own map (/proc/self/uid_map): "0 100000 65536" becomes "0
// 0 65536".
std::string identity_map(std::string_view own_map);

// For the calling process: every id as it is when it is root with CAP_SETUID and CAP_SETGID, so that root still reads
// everything; else only the caller's own ids, as root's.
Result<IdMaps> choose_id_maps();

// Writes the maps of process `pid`, whose parent namespace the caller is in.
Result<void> write_id_maps(pid_t pid, const IdMaps& maps);

}  // namespace netns_lab::node
