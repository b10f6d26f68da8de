// The commands of multipass that are used, as data.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/process/command.h"

namespace netns_lab::multipass {

inline constexpr auto kDefaultImage = "22.04";
inline constexpr auto kDefaultMemory = "1G";
inline constexpr auto kDefaultDisk = "5G";

struct InstanceSpec {
  std::string name;
  std::string image = kDefaultImage;
  std::string memory = kDefaultMemory;
  std::string disk = kDefaultDisk;
  int processors = 0;      // 0: its own choice
  std::string cloud_init;  // the text itself: the snap cannot read every folder. "" none
};

// multipass takes letters, digits and hyphens, a letter first and no hyphen last; kInvalid for another.
Result<void> check_instance_name(const std::string& name);

// How multipass is called: its time is limited by each command's own limit and the deadline.
struct Caller {
  std::map<std::string, std::string> environment;  // its PATH is where multipass is looked for
  Deadline deadline = Deadline::never();

  process::Command command(std::vector<std::string> arguments, std::chrono::milliseconds limit,
                           std::string standard_input = "") const;
};

// 1.10 knows --mem only, the newest --memory only.
enum class MemoryOption { kMemory, kMem };
std::vector<std::string> launch_arguments(const InstanceSpec& spec, MemoryOption option, std::chrono::seconds limit);
// What a release says that does not know an option.
bool is_unknown_option(std::string_view option, std::string_view said);

std::vector<std::string> info_arguments(const std::string& name);
std::vector<std::string> version_arguments();

// A command of the instance. multipass gives the guest's status as its own, and has meanings of its own for 1 to 5: so
// the guest is made to print its status, as the last line. The script is constant; `argv` are its arguments.
std::vector<std::string> exec_arguments(const std::string& name, const std::vector<std::string>& argv);
// A command whose standard input and output are the caller's, without that.
std::vector<std::string> stream_arguments(const std::string& name, const std::vector<std::string>& argv);

struct GuestOutcome {
  int status = 0;
  std::string output;
  std::string errors;
};
// What a command of `exec_arguments` printed, parted. None: the guest's command never ended, so the status is
// multipass's own.
std::optional<GuestOutcome> parse_guest_output(std::string_view output);

}  // namespace netns_lab::multipass
