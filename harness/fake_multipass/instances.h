// The instances of the fake `multipass`: a folder each, below the one that $FAKE_MULTIPASS names.
//
//   $FAKE_MULTIPASS/multipassd.sock             the daemon
//   $FAKE_MULTIPASS/network.sock                the network of the machines (network.h)
//   $FAKE_MULTIPASS/addresses/                  which addresses of it are taken
//   $FAKE_MULTIPASS/instances/NAME/disk         ext4: /opt, /home, /root and /var of the instance
//                                  door.sock    of the process that keeps its machine (harness/lab/qemu/door.h)
//                                  running      its machine has said hello
//                                  deleted      and not purged
//                                  memory, cpus, release, number
//                                  console, log
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::fake_multipass {

class Home {
 public:
  explicit Home(std::string path) : path_(std::move(path)) {}
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string daemon_socket() const { return file("multipassd.sock"); }
  std::string network_socket() const { return file("network.sock"); }
  bool is_steered(const std::string& file_name) const;  // a file of that name lies in it
  void note_call(const std::vector<std::string>& words) const;
  std::vector<std::string> instance_names() const;  // sorted

 private:
  std::string path_;
};

enum class State { kNone, kStopped, kStarting, kRunning, kDeleted };
std::string to_string(State state);  // multipass's word

class Instance {
 public:
  Instance(const Home& home, std::string name) : name_(std::move(name)), folder_(home.file("instances/" + name_)) {}

  const std::string& name() const { return name_; }
  std::string file(const std::string& file_name) const { return folder_ + "/" + file_name; }
  State state() const;
  std::string read(const std::string& file_name) const;  // "" when it is missing
  void write(const std::string& file_name, const std::string& text) const;
  void forget(const std::string& file_name) const;

  // Its folder and its disk. kTaken when it is there already; kMissing without mkfs.ext4.
  Result<void> make(const std::string& disk_size) const;
  void purge() const;

 private:
  std::string name_;
  std::string folder_;
};

inline constexpr auto kDoor = "door.sock";
inline constexpr auto kRunning = "running";
inline constexpr auto kDeleted = "deleted";
inline constexpr auto kDisk = "disk";

}  // namespace netns_lab::fake_multipass
