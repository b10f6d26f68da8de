// Where named labs live on this machine: one folder per lab, private to the user, which is also the lab's lock.
//
//   $XDG_RUNTIME_DIR/netns-lab/NAME/    node.sock outside.sock   where the agents listen; node-2.sock … of further
//   nodes or /run/netns-lab/NAME/  (root)     provider                 "sandbox"; then lines "privileged", "nodes 2" or
//   /tmp/netns-lab-UID/NAME/         log                      what the lab's processes had to say
//
// The lock is flock(2) on the folder itself: it needs no file of its own, and dies with whoever holds it.
//
//   NETNS_LAB_ASSIGN(const LabHome home, LabHome::open(RuntimeEnvironment::of_process()));
//   NETNS_LAB_ASSIGN(LabFolder folder, LabFolder::lock(home, "netns-lab", LabFolder::Missing::kMake, deadline));
//   NETNS_LAB_ASSIGN(UniqueFd listener, listen_at(folder.path() + "/node.sock"));
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab {

inline constexpr auto kNodeSocket = "node.sock";
inline constexpr auto kOutsideSocket = "outside.sock";
// A file of the lab's folder, as a further node or machine has it: "log", 2 is "log-2", "machine.sock", 2
// "machine-2.sock".
std::string of_machine(const std::string& name, int number);
std::string node_socket(int number);  // of the node: 1 node.sock, 2 node-2.sock …
inline constexpr auto kProviderFile = "provider";
inline constexpr auto kLogFile = "log";
// What a provider made that outlives the lab's processes, for `destroy`: kept when a dead lab is replaced, and when one
// does not come up.
inline constexpr auto kMadeFile = "made";

// A name of letters, digits, '.', '_' and '-', not beginning with '.' or '-', of 1 to 64 bytes; kInvalid says what is
// wrong with another.
Result<void> check_lab_name(const std::string& name);

// What the choice of folder depends on; tests pass their own.
struct RuntimeEnvironment {
  std::string runtime_directory;  // XDG_RUNTIME_DIR; "" unset
  uid_t user = 0;                 // effective
  std::string system_directory = "/run";
  std::string temporary_directory = "/tmp";
  static RuntimeEnvironment of_process();
};

// The user's own folder of labs: mode 0700, owned by the user, reached through no symbolic link of somebody else's
// making.
class LabHome {
 public:
  // Makes the folder if it is missing. kTaken when somebody else's file stands in its place.
  static Result<LabHome> open(const RuntimeEnvironment& environment);

  const std::string& path() const { return path_; }
  std::string lab_path(const std::string& name) const { return path_ + "/" + name; }
  Result<std::vector<std::string>> names() const;  // of the folders in it, sorted

 private:
  explicit LabHome(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// The folder of one lab, locked against every other `up` and `destroy` of that name for as long as this value lives.
class LabFolder {
 public:
  enum class Missing { kMake, kRefuse };
  // kMissing when there is no such folder and `missing` is kRefuse; kTaken when another process still holds the lock at
  // the deadline.
  static Result<LabFolder> lock(const LabHome& home, const std::string& name, Missing missing, Deadline deadline);

  const std::string& path() const { return path_; }
  std::string read_file(const std::string& file) const;  // "" when it is missing
  Result<void> write_file(const std::string& file, const std::string& text) const;
  Result<void> clear() const;   // removes the files in it
  Result<void> remove() const;  // and the folder

 private:
  LabFolder(std::string path, UniqueFd folder) : path_(std::move(path)), folder_(std::move(folder)) {}
  std::string path_;
  UniqueFd folder_;
};

// Unix stream sockets at paths of any length (beyond the 108 bytes of sockaddr_un the folder is reached through
// /proc/self/fd).
Result<UniqueFd> listen_at(const std::string& path);
// kMissing: no such socket. kLost: nobody listens there any more.
Result<UniqueFd> connect_to(const std::string& path);

// The process that called listen(2) last on the other end of a connection (SO_PEERCRED): its id as seen from here, and
// a descriptor that says when it has ended.
struct Listener {
  pid_t pid = 0;
  UniqueFd process;  // pidfd
};
// An agent that takes a listening socket over calls listen(2) on it again, and so becomes the one that is named here.
// ESRCH: it has ended.
Result<Listener> listener_of(const UniqueFd& connection);
// Waits until the process has ended; at the deadline it is killed (SIGKILL) and waited for once more.
Result<void> await_end(const Listener& listener, Deadline deadline);

}  // namespace netns_lab
