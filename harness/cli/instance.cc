#include "harness/cli/instance.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "harness/base/build_id.h"
#include "harness/base/text.h"
#include "harness/cli/instance_owner.h"
#include "harness/cli/machine_keeper.h"
#include "harness/cli/output.h"
#include "harness/lab/multipass/bundle.h"
#include "harness/lab/multipass/connection.h"
#include "harness/lab/multipass/driver.h"
#include "harness/lab/named_lab.h"
#include "harness/lab/qemu/kernel_modules.h"

namespace netns_lab::cli {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr minutes kUpLimit{20};  // an image is fetched, a system boots and installs packages
constexpr minutes kLeaveLimit{3};
constexpr seconds kGuestLimit{60};
constexpr seconds kLookLimit{10};
constexpr seconds kHelloLimit{60};
constexpr auto kCloudInit = "cloud-init/node.yaml";

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) all.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  all["LC_ALL"] = "C";  // its words are read
  return all;
}

// The file that was chosen; else that of the source tree above this program, or where `make install` put it.
Result<std::string> read_cloud_init(const std::string& chosen) {
  if (!chosen.empty()) {
    std::ifstream file(chosen);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!text.empty()) return text;
    return tl::unexpected(Error::invalid("--cloud-init " + visible(chosen, 200), "it cannot be read, or is empty"));
  }
  std::error_code problem;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", problem);
  for (auto at = self.parent_path(); at.has_relative_path(); at = at.parent_path()) {
    for (const char* below : {"fixtures", "share/netns-lab/fixtures"}) {
      std::ifstream file(at / below / kCloudInit);
      if (file) return std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
  }
  return tl::unexpected(Error::missing(fmt::format("read fixtures/{}", kCloudInit),
                                       fmt::format("it is not above {}, nor in share/netns-lab", self.string()),
                                       "make install puts it where it is found"));
}

Error in_guest(const std::string& attempted, const multipass::GuestOutcome& outcome) {
  return Error::lost(attempted, fmt::format("in the guest it exited with status {}, and printed: {}", outcome.status,
                                            visible_line(visible(outcome.errors + outcome.output, 400))));
}

Result<void> put_bundle(multipass::Driver& driver, const std::string& name, const multipass::Bundle& bundle) {
  NETNS_LAB_ASSIGN(const multipass::GuestOutcome there,
                   driver.run_in_guest(name, {"test", "-e", bundle.mark()}, kGuestLimit));
  if (there.status == 0) return {};
  const std::string file = fmt::format("/tmp/netns-lab-{}.tar", bundle.build);
  NETNS_LAB_ASSIGN(std::string bytes, multipass::archive(bundle, fmt::format("/proc/{}/exe", ::getpid())));
  say(fmt::format("putting this program into instance {} ({} MB)", name, bytes.size() >> 20));
  NETNS_LAB_TRY(driver.put(name, file, std::move(bytes)));
  const std::vector<std::vector<std::string>> steps = {
      {"sudo", "-n", "rm", "-rf", multipass::kBundles},  // of other builds, or half unpacked
      {"sudo", "-n", "tar", "--extract", "--file", file, "--directory", "/", "--no-same-owner"},
      // An instance that crashes later must not be left with the mark and files that were never written.
      {"sudo", "-n", "sync", "--file-system", bundle.folder()},
      {"sudo", "-n", "touch", bundle.mark()},
      {"rm", "-f", file}};
  for (const std::vector<std::string>& argv : steps) {
    NETNS_LAB_ASSIGN(const multipass::GuestOutcome outcome, driver.run_in_guest(name, argv, kGuestLimit));
    if (outcome.status != 0) {
      return tl::unexpected(in_guest(fmt::format("put this program into instance {}", name), outcome));
    }
  }
  return {};
}

// Labs are sandboxes, which cannot load any.
Result<void> load_modules(multipass::Driver& driver, const std::string& name) {
  std::vector<std::string> argv = {"sudo", "-n", "modprobe", "--all"};
  for (const char* module : qemu::wanted_modules()) argv.emplace_back(module);
  NETNS_LAB_ASSIGN(const multipass::GuestOutcome outcome, driver.run_in_guest(name, argv, kGuestLimit));
  if (outcome.status != 0) {
    say(fmt::format("instance {} lacks kernel modules: {}", name, visible_line(visible(outcome.errors, 400))));
  }
  return {};
}

// A PID namespace ends with its first process: nothing of a lab is left when the stream ends.
std::vector<std::string> service(const multipass::Bundle& bundle) {
  std::vector<std::string> argv = {"sudo", "-n", "-H", "unshare", "--fork", "--kill-child", "--pid", "--mount-proc"};
  for (const std::string& word : bundle.argv({"agent", "--labs", to_string(Provider::kMultipass)})) {
    argv.push_back(word);
  }
  return argv;
}

}  // namespace

Result<void> start_standing_instance(const LabSpec& spec, const std::string& folder) {
  const Deadline deadline = Deadline::after(kUpLimit);
  const std::string log_path = folder + "/" + kLogFile;
  const UniqueFd log(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log.valid()) return tl::unexpected(Error::system("write " + log_path, errno));
  multipass::ProcessRunner runner;
  multipass::Driver driver(runner, own_environment(), deadline);
  multipass::InstanceSpec instance;
  instance.name = spec.name;
  NETNS_LAB_ASSIGN(instance.cloud_init, read_cloud_init(spec.instance.cloud_init));
  if (!spec.instance.image.empty()) instance.image = spec.instance.image;
  if (!spec.instance.memory.empty()) instance.memory = spec.instance.memory;
  if (!spec.instance.disk.empty()) instance.disk = spec.instance.disk;
  instance.processors = spec.instance.processors;
  NETNS_LAB_ASSIGN(const multipass::Readiness ready, driver.make_ready(instance, [&]() -> Result<void> {
    say(fmt::format("launching instance {} ({}, memory {}, disk {}); this takes minutes", instance.name, instance.image,
                    instance.memory, instance.disk));
    NETNS_LAB_ASSIGN(const MadeInstance made, new_instance(instance.name));
    return write_made(folder, made);
  }));
  for (const std::string& remark : ready.remarks) say(remark);
  NETNS_LAB_TRY(mark(driver, folder));
  if (!ready.launched && !(spec.instance == InstanceChoice())) {
    say(fmt::format("instance {} was there before: --image, --memory, --cpus, --disk and --cloud-init do not change it",
                    spec.name));
  }
  const multipass::Bundle bundle{.build = build_id()};
  NETNS_LAB_TRY(put_bundle(driver, spec.name, bundle));
  NETNS_LAB_TRY(load_modules(driver, spec.name));
  NETNS_LAB_ASSIGN(const UniqueFd last_words, last_words_file(folder));
  KeeperLaunch what;
  what.life = node::LabLife::kItsOwn;
  what.log = log.get();
  what.last_words = last_words.get();
  what.deadline = deadline;
  what.boot = [command = driver.stream_command(spec.name, service(bundle))](
                  std::span<const int> interrupts) -> Result<std::unique_ptr<qemu::KeptMachine>> {
    NETNS_LAB_ASSIGN(multipass::Connection connection,
                     multipass::Connection::open(command, build_id(), Deadline::after(kHelloLimit), interrupts));
    return std::make_unique<multipass::Connection>(std::move(connection));
  };
  NETNS_LAB_ASSIGN(what.sockets, standing_sockets(folder));
  auto launched = launch_keeper(std::move(what));
  pass_on_log(log_path);
  return launched;
}

Result<void> look_for_multipass() {
  multipass::ProcessRunner runner;
  multipass::Driver driver(runner, own_environment(), Deadline::after(kLookLimit));
  NETNS_LAB_TRY(driver.probe());
  return {};
}

Result<void> leave_instance(const LabSpec& spec, const std::string& folder) {
  multipass::ProcessRunner runner;
  multipass::Driver driver(runner, own_environment(), Deadline::after(kLeaveLimit));
  if (const auto made = read_made(folder)) return remove_made(driver, *made, folder);
  // A command would start one that is stopped.
  const auto instance = driver.info(spec.name);
  if (!instance) say("warning: our files may still be in the instance: " + instance.error().message());
  if (!instance || !*instance || (*instance)->state != multipass::InstanceState::kRunning) return {};
  NETNS_LAB_ASSIGN(const multipass::GuestOutcome outcome,
                   driver.run_in_guest(spec.name, {"sudo", "-n", "rm", "-rf", multipass::kBundles}, kGuestLimit));
  if (outcome.status != 0) {
    return tl::unexpected(in_guest(fmt::format("take this program out of instance {}", spec.name), outcome));
  }
  say(fmt::format("instance {} was there before this lab: left running, without our files", spec.name));
  return {};
}

}  // namespace netns_lab::cli
