#include "harness/fake_multipass/client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "harness/base/deadline.h"
#include "harness/fake_multipass/daemon.h"
#include "harness/fake_multipass/exec_stream.h"
#include "harness/fake_multipass/guest.h"
#include "harness/fake_multipass/network.h"
#include "harness/lab/named_lab.h"
#include "harness/lab/qemu/door.h"

namespace netns_lab::fake_multipass {
namespace {

using Words = std::vector<std::string>;
using std::chrono::seconds;

constexpr int kCommandLine = 1;
constexpr int kFailed = 2;
constexpr int kTimedOut = 5;
constexpr auto kVersion = "1.13.1";
constexpr seconds kLaunchPatience{300};  // multipass's own, where --timeout does not say
constexpr seconds kStopPatience{30};
constexpr auto kTimesOut = "launch-times-out";  // a file: a launch does not wait at all

int fail(const std::string& command, const std::string& why) {
  std::fprintf(stderr, "%s failed: %s\n", command.c_str(), why.c_str());
  return kFailed;
}
int unknown_option(const std::string& option) {
  std::fprintf(stderr, "Unknown option '%s'.\n", option.substr(option.find_first_not_of('-')).c_str());
  return kCommandLine;
}
std::string does_not_exist(const Instance& instance) {
  return fmt::format("instance \"{}\" does not exist", instance.name());
}

Result<UniqueFd> open_channel(const Instance& instance, const char* label) {
  NETNS_LAB_ASSIGN(const UniqueFd door, connect_to(instance.file(kDoor)));
  return qemu::open_stream(door, label);
}

// Waits until its machine has ended: its keeper's end of a connection goes with it.
Result<void> power_off(const Instance& instance) {
  NETNS_LAB_ASSIGN(const UniqueFd door, connect_to(instance.file(kDoor)));
  NETNS_LAB_ASSIGN(const UniqueFd stream, qemu::open_stream(door, kPowerOffLabel));
  const Deadline deadline = Deadline::after(kStopPatience);
  pollfd ended{.fd = door.get(), .events = POLLIN, .revents = 0};
  while (true) {
    const int ready = ::poll(&ended, 1, deadline.poll_timeout());
    if (ready > 0) return {};
    if (ready == 0) return tl::unexpected(Error::timeout("stop " + instance.name(), "it has not powered off"));
    if (errno != EINTR) return tl::unexpected(Error::system("stop " + instance.name(), errno));
  }
}

// Booted, or waited for where it boots already.
Result<void> bring_up(const Home& home, const Instance& instance, std::chrono::milliseconds patience) {
  const State state = instance.state();
  if (state == State::kRunning) return {};
  if (state == State::kStopped) return boot(home, instance, patience);
  NETNS_LAB_ASSIGN(UniqueFd stream, open_channel(instance, kRunLabel));
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (run_command(std::move(stream), {"true"}, nothing.get(), STDERR_FILENO) == 0) return {};
  return tl::unexpected(Error::lost("start " + instance.name(), "its machine ended while it booted"));
}

int version(const Home& home) {
  nlohmann::ordered_json said = {{"multipass", kVersion}};
  if (daemon_answers(home)) said["multipassd"] = kVersion;
  std::printf("%s\n", said.dump(4).c_str());
  return 0;
}

nlohmann::ordered_json addresses_of(const Instance& instance, State state) {
  auto addresses = nlohmann::ordered_json::array();
  if (state == State::kRunning) addresses.push_back(address_of(instance));
  return addresses;
}

int info(const Home& home, const Words& words) {
  const Instance instance(home, words.empty() ? "" : words.front());
  const State state = instance.state();
  if (instance.name().empty() || state == State::kNone) return fail("info", does_not_exist(instance));
  nlohmann::ordered_json about = {{"cpu_count", state == State::kRunning ? "2" : ""},
                                  {"disks", {{"sda1", nlohmann::json::object()}}},
                                  {"image_hash", ""},
                                  {"image_release", instance.read("release") + " LTS"},
                                  {"ipv4", addresses_of(instance, state)},
                                  {"load", nlohmann::json::array()},
                                  {"memory", nlohmann::json::object()},
                                  {"mounts", nlohmann::json::object()},
                                  {"release", state == State::kRunning ? "a fake of Ubuntu" : ""},
                                  {"state", to_string(state)}};
  const nlohmann::ordered_json all = {{"errors", nlohmann::json::array()}, {"info", {{instance.name(), about}}}};
  std::printf("%s\n", all.dump(4).c_str());
  return 0;
}

int list(const Home& home) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const std::string& name : home.instance_names()) {
    const Instance instance(home, name);
    all.push_back({{"ipv4", addresses_of(instance, instance.state())},
                   {"name", name},
                   {"release", "Ubuntu " + instance.read("release") + " LTS"},
                   {"state", to_string(instance.state())}});
  }
  std::printf("%s\n", nlohmann::ordered_json{{"list", all}}.dump(4).c_str());
  return 0;
}

struct Launch {
  std::string image = "22.04";
  std::string name = "fake";
  std::string memory = "1G";
  std::string disk = "5G";
  std::string cpus = "1";
  std::string cloud_init;
  seconds patience = kLaunchPatience;
};

int launch(const Home& home, const Words& words) {
  Launch wanted;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (!word.starts_with('-')) {
      wanted.image = word;
      continue;
    }
    const std::string value = i + 1 < words.size() ? words[++i] : "";
    if (word == "--name") {
      wanted.name = value;
    } else if (word == "--memory") {
      wanted.memory = value;
    } else if (word == "--disk") {
      wanted.disk = value;
    } else if (word == "--cpus") {
      wanted.cpus = value;
    } else if (word == "--timeout") {
      wanted.patience = seconds(std::atoi(value.c_str()));
    } else if (word == "--cloud-init" && value == "-") {
      wanted.cloud_init.assign(std::istreambuf_iterator<char>(std::cin), {});
    } else {
      return unknown_option(word);
    }
  }
  const Instance instance(home, wanted.name);
  if (instance.state() != State::kNone) {
    return fail("launch", fmt::format("instance \"{}\" already exists", wanted.name));
  }
  auto made = instance.make(wanted.disk);
  if (made) made = take_address(home, instance);
  if (made) {
    instance.write("release", wanted.image);
    instance.write("memory", wanted.memory);
    instance.write("cpus", wanted.cpus);
    instance.write("cloud-init", wanted.cloud_init);
    made = boot(home, instance, home.is_steered(kTimesOut) ? seconds(0) : wanted.patience);
  }
  if (!made && made.error().kind == ErrorKind::kTimeout) {
    std::fprintf(stderr, "launch failed: timed out waiting for initialization to complete\n");
    return kTimedOut;
  }
  if (!made) {
    give_address_back(home, instance);
    instance.purge();
    return fail("launch", made.error().message());
  }
  std::printf("Launched: %s\n", wanted.name.c_str());
  return 0;
}

int start(const Home& home, const Words& words) {
  const Instance instance(home, words.empty() ? "" : words.front());
  const State state = instance.state();
  if (state == State::kNone) return fail("start", does_not_exist(instance));
  if (state == State::kDeleted) return fail("start", fmt::format("instance \"{}\" is deleted", instance.name()));
  const auto started = bring_up(home, instance, kLaunchPatience);
  return started ? 0 : fail("start", started.error().message());
}

int stop(const Home& home, const Words& words) {
  const Instance instance(home, words.empty() ? "" : words.front());
  const State state = instance.state();
  if (state == State::kNone) return fail("stop", does_not_exist(instance));
  if (state != State::kRunning && state != State::kStarting) return 0;
  const auto stopped = power_off(instance);
  return stopped ? 0 : fail("stop", stopped.error().message());
}

int remove(const Home& home, const Words& words) {
  const bool purges = !words.empty() && words.front() == "--purge";
  const Words names(words.begin() + (purges ? 1 : 0), words.end());
  const Instance instance(home, names.empty() ? "" : names.front());
  const State state = instance.state();
  if (names.empty() || state == State::kNone) return fail("delete", does_not_exist(instance));
  if (const int stopped = stop(home, names); stopped != 0) return stopped;
  instance.write(kDeleted, "");
  if (purges) give_address_back(home, instance);
  if (purges) instance.purge();
  return 0;
}

int recover(const Home& home, const Words& words) {
  const Instance instance(home, words.empty() ? "" : words.front());
  if (instance.state() == State::kNone) return fail("recover", does_not_exist(instance));
  instance.forget(kDeleted);
  return 0;
}

int purge(const Home& home) {
  for (const std::string& name : home.instance_names()) {
    const Instance instance(home, name);
    if (instance.state() != State::kDeleted) continue;
    give_address_back(home, instance);
    instance.purge();
  }
  return 0;
}

// A command of the instance, which is started where it is stopped.
int run_in(const Home& home, const char* command, const std::string& name, const Words& argv, int input, int output) {
  const Instance instance(home, name);
  const State state = instance.state();
  if (state == State::kNone) return fail(command, does_not_exist(instance));
  if (state == State::kDeleted) return fail(command, fmt::format("instance \"{}\" is deleted", name));
  if (const auto up = bring_up(home, instance, kLaunchPatience); !up) return fail(command, up.error().message());
  auto stream = open_channel(instance, kRunLabel);
  if (!stream) return fail(command, stream.error().message());
  const std::optional<int> status = run_command(*std::move(stream), argv, input, output);
  return status ? *status : fail(command, "the instance's machine ended");
}

int exec(const Home& home, const Words& words) {
  if (words.size() < 2) return kCommandLine;
  const auto begin = words.begin() + (words[1] == "--" ? 2 : 1);
  if (begin == words.end()) return kCommandLine;
  return run_in(home, "exec", words.front(), Words(begin, words.end()), STDIN_FILENO, STDOUT_FILENO);
}

int transfer(const Home& home, const Words& words) {
  if (words.size() != 2 || words.front() != "-" || words.back().find(':') == std::string::npos) {
    return fail("transfer", "the fake transfers standard input only");
  }
  const std::string name = words.back().substr(0, words.back().find(':'));
  const std::string path = words.back().substr(name.size() + 1);
  const int status =
      run_in(home, "transfer", name, {"dd", "of=" + path, "bs=1M", "status=none"}, STDIN_FILENO, STDOUT_FILENO);
  return status == 0 ? 0 : kFailed;
}

}  // namespace

int run_client(const Home& home, const Words& all) {
  home.note_call(all);
  const std::string command = all.empty() ? "help" : all.front();
  const Words words(all.begin() + (all.empty() ? 0 : 1), all.end());
  if (command == "version") return version(home);
  if (!daemon_answers(home)) return fail(command, "cannot connect to the multipass socket");
  if (command == "info") return info(home, words);
  if (command == "list") return list(home);
  if (command == "launch") return launch(home, words);
  if (command == "start") return start(home, words);
  if (command == "stop") return stop(home, words);
  if (command == "delete") return remove(home, words);
  if (command == "recover") return recover(home, words);
  if (command == "purge") return purge(home);
  if (command == "exec") return exec(home, words);
  if (command == "transfer") return transfer(home, words);
  std::fprintf(stderr, "Error: Unknown command or alias: %s\n", command.c_str());
  return kCommandLine;
}

}  // namespace netns_lab::fake_multipass
