// What must be undone when an agent on this machine itself has ended: written to disk before it is done.
//
//   NETNS_LAB_TRY(journal.before_sysctl("", "net.ipv4.ip_forward"));   // keeps the present value
//   NETNS_LAB_TRY(journal.before_link("br0"));                         // br0 is about to be made by us
//   … now do it …
//   NETNS_LAB_TRY(journal.forget_link("br0"));                         // and it was removed again
//
// One file per agent, one JSON object a line, fsync(2)ed before the call returns. A line cut short by a crash was not
// acted upon yet: it is ignored. Only what the journal says is undone: nothing is taken for ours by its name. `undo` is
// called by the agent's guard process, in the machine's network namespace; `recover` by the next start, for agents and
// guards that died.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {

class Journal {
 public:
  // Makes the file, which must not exist; it is locked (flock) as long as any copy of the descriptor lives: that is how
  // recover() knows the living.
  static Result<Journal> create(const std::string& path);
  // Opens it once more for writing: in the agent, which inherits the lock.
  static Result<Journal> open(const std::string& path);

  // Keeps the present value of a sysctl of the node's own namespace ("net.ipv4.ip_forward"). The first value counts,
  // later ones are not kept.
  Result<void> before_sysctl(const std::string& key);
  // A link of the node's own namespace that is about to be made. kTaken when one of that name exists already.
  Result<void> before_link(const std::string& name);
  Result<void> forget_link(const std::string& name);
  const std::string& path() const { return path_; }

 private:
  Journal(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  Result<void> append(const std::string& line);
  std::string path_;
  UniqueFd file_;
};

// Undoes what the journal at `path` holds, newest first, and removes the file. Returns one line per thing that could
// not be undone, with the command that does it; the file then stays. An absent file is nothing to undo.
Result<std::vector<std::string>> undo_journal(const std::string& path);

// Undoes every journal in `directory` whose agent and guard have died. Returns what could not be undone, as
// undo_journal.
Result<std::vector<std::string>> recover_journals(const std::string& directory);

}  // namespace netns_lab::node
