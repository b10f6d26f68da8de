#include "harness/fake_multipass/instances.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "harness/base/text.h"
#include "harness/lab/named_lab.h"
#include "harness/process/running_command.h"

namespace netns_lab::fake_multipass {
namespace {

namespace fs = std::filesystem;

// "5G", "512M" in bytes; 0 for what is no size.
std::uint64_t parse_size(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (problem != std::errc() || (unit != "G" && unit != "M")) return 0;
  return number << (unit == "G" ? 30 : 20);
}

}  // namespace

bool Home::is_steered(const std::string& file_name) const { return fs::exists(file(file_name)); }

void Home::note_call(const std::vector<std::string>& words) const {
  const std::string line = join(words, " ") + "\n";
  const UniqueFd calls(::open(file("calls").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  static_cast<void>(::write(calls.get(), line.data(), line.size()) ==
                    0);  // a note for whoever looks; nothing rests on it
}

std::vector<std::string> Home::instance_names() const {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(file("instances"), missing)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string to_string(State state) {
  switch (state) {
    case State::kNone:
      return "";
    case State::kStopped:
      return "Stopped";
    case State::kStarting:
      return "Starting";
    case State::kRunning:
      return "Running";
    case State::kDeleted:
      return "Deleted";
  }
  return "Unknown";
}

State Instance::state() const {
  if (!fs::exists(folder_)) return State::kNone;
  if (fs::exists(file(kDeleted))) return State::kDeleted;
  if (!connect_to(file(kDoor))) return State::kStopped;
  return fs::exists(file(kRunning)) ? State::kRunning : State::kStarting;
}

std::string Instance::read(const std::string& file_name) const {
  std::ifstream stream(file(file_name));
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

void Instance::write(const std::string& file_name, const std::string& text) const {
  std::ofstream(file(file_name)) << text;
}

void Instance::forget(const std::string& file_name) const {
  std::error_code missing;
  fs::remove(file(file_name), missing);
}

Result<void> Instance::make(const std::string& disk_size) const {
  const std::string attempted = fmt::format("make instance {}", name_);
  std::error_code problem;
  if (!fs::create_directories(folder_, problem)) return tl::unexpected(Error::taken(attempted, "it is there already"));
  const std::uint64_t size = parse_size(disk_size);
  if (size == 0) return tl::unexpected(Error::invalid(attempted, "no size of a disk: " + disk_size));
  const UniqueFd disk(::open(file(kDisk).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!disk.valid() || ::ftruncate(disk.get(), static_cast<off_t>(size)) != 0) {
    return tl::unexpected(Error::system(attempted, errno));
  }
  process::Command command;
  command.argv = {"mkfs.ext4", "-q", "-F", file(kDisk)};
  command.environment = {{"PATH", "/usr/sbin:/sbin:/usr/bin:/bin"}};
  NETNS_LAB_ASSIGN(const process::CommandOutcome outcome, process::run_to_end(std::move(command)));
  if (outcome.succeeded()) return {};
  return tl::unexpected(Error::missing(
      attempted, fmt::format("mkfs.ext4 {}: {}{}", to_string(outcome.end), outcome.end.reason, outcome.errors),
      "apt-get install e2fsprogs"));
}

void Instance::purge() const {
  std::error_code missing;
  fs::remove_all(folder_, missing);
}

}  // namespace netns_lab::fake_multipass
