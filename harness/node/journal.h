// What must be undone when an agent on this machine itself has ended: written to disk before it is done.
//
//   NETNS_LAB_TRY(journal.before_sysctl("net.ipv4.ip_forward"));   // keeps the present value
//   NETNS_LAB_TRY(journal.before_link("br0"));                     // br0 is about to be made by us
//   … now do it …
//   NETNS_LAB_TRY(journal.forget_link("br0"));                     // and it was removed again
//
// One file per lab, one JSON object a line, fsync(2)ed before the call returns. What cannot be written whole is taken
// back. A line cut short by a crash was not acted upon yet: it is passed over, and told. Only what a journal says is
// undone: nothing is taken for ours by its name alone. The first line says which boot and which network namespace it is
// about; a journal of another one is left alone.
//
// `undo_journal` is called by the guard, in the machine's network namespace, when the agent has ended, however it did;
// `recover_journals` by the next start, for guards that died too.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {

struct Undone {
  std::vector<std::string> left;     // a line for each thing that could not be undone, with the command that does it
  std::vector<std::string> remarks;  // what else a person should know: a record that was cut short
};

class Journal {
 public:
  // Makes the file, which must not exist, for a lab in the calling thread's network namespace. It is locked (flock(2))
  // as long as any copy of the descriptor lives: that is how recover_journals() knows the living.
  static Result<Journal> create(const std::string& path);
  // Opens it once more for writing: in the agent.
  static Result<Journal> open(const std::string& path);

  // Keep the present values of sysctls ("net.ipv4.ip_forward"). Of several values of one key the first counts. A key
  // that does not exist is passed over.
  Result<void> before_sysctl(const std::string& key) { return before_sysctls({key}); }
  Result<void> before_sysctls(const std::vector<std::string>& keys);
  // A link that is about to be made. kTaken when one of that name exists already.
  Result<void> before_link(const std::string& name);
  Result<void> forget_link(const std::string& name);
  // The same of a table of nftables, "ip nat".
  Result<void> before_nft_table(const std::string& name);
  Result<void> forget_nft_table(const std::string& name);

  const std::string& path() const { return path_; }
  int fd() const { return file_.get(); }

 private:
  friend Result<Undone> undo_journal(const std::string& path);
  Journal(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}
  Result<void> append(const std::string& lines);  // all of it, or nothing
  std::string path_;
  UniqueFd file_;
};

// Undoes what the journal at `path` holds and removes the file; when something is left the file stays, and holds no
// more than that: what was undone may be somebody else's the next time. An absent file is nothing to undo.
Result<Undone> undo_journal(const std::string& path);

// Undoes every journal in `directory` that is of this boot and of the calling thread's network namespace, and whose
// processes have died. An absent directory holds none.
Result<Undone> recover_journals(const std::string& directory);

}  // namespace netns_lab::node
