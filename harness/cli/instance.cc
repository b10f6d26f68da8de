#include "harness/cli/instance.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
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
#include "harness/node/underlay_wires.h"

namespace netns_lab::cli {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr minutes kUpLimit{20};  // an image is fetched, a system boots and installs packages
constexpr minutes kLeaveLimit{3};
constexpr seconds kGuestLimit{60};
constexpr seconds kLookLimit{10};
constexpr seconds kHelloLimit{60};
// Between instances: the devices of the wires, and the lab's own segment on them.
constexpr const char* kModulesOfWires[] = {"tun", "8021q"};
// Neither well known, nor of those that Linux chooses from by itself (ip_local_port_range).
constexpr int kFirstPort = 20'000;
constexpr int kPorts = 10'000;
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
Result<void> load_modules(multipass::Driver& driver, const std::string& name, bool is_one_of_several) {
  std::vector<std::string> argv = {"sudo", "-n", "modprobe", "--all"};
  for (const char* module : qemu::wanted_modules()) argv.emplace_back(module);
  NETNS_LAB_ASSIGN(const multipass::GuestOutcome outcome, driver.run_in_guest(name, argv, kGuestLimit));
  if (outcome.status != 0) {
    say(fmt::format("instance {} lacks kernel modules: {}", name, visible_line(visible(outcome.errors, 400))));
  }
  if (!is_one_of_several) return {};
  for (const char* module : kModulesOfWires) {
    NETNS_LAB_ASSIGN(const multipass::GuestOutcome there,
                     driver.run_in_guest(name, {"sudo", "-n", "modprobe", module}, kGuestLimit));
    if (there.status == 0) continue;
    return tl::unexpected(Error::missing(
        fmt::format("join instance {} to the others", name),
        fmt::format("its kernel has no {} ({}): in the guest, modprobe exited with status {}, and printed: {}", module,
                    qemu::kernel_option(module), there.status, visible_line(visible(there.errors, 300))),
        "one with that option: another --image, or one node"));
  }
  return {};
}

// A PID namespace ends with its first process: nothing of a lab is left when the stream ends.
std::vector<std::string> service(const multipass::Bundle& bundle, const std::vector<node::UnderlayWire>& wires) {
  std::vector<std::string> argv = {"sudo", "-n", "-H", "unshare", "--fork", "--kill-child", "--pid", "--mount-proc"};
  std::vector<std::string> agent = {"agent", "--labs", to_string(Provider::kMultipass)};
  for (const node::UnderlayWire& wire : wires) agent.push_back("--wire=" + node::to_string(wire));
  for (const std::string& word : bundle.argv(agent)) argv.push_back(word);
  return argv;
}

// For `destroy`, of one that was there before: our files.
Result<void> take_out(multipass::Driver& driver, const std::string& name) {
  // A command would start one that is stopped.
  const auto instance = driver.info(name);
  if (!instance) say(fmt::format("warning: our files may still be in {}: {}", name, instance.error().message()));
  if (!instance || !*instance || (*instance)->state != multipass::InstanceState::kRunning) return {};
  NETNS_LAB_ASSIGN(const multipass::GuestOutcome outcome,
                   driver.run_in_guest(name, {"sudo", "-n", "rm", "-rf", multipass::kBundles}, kGuestLimit));
  if (outcome.status != 0) {
    return tl::unexpected(in_guest(fmt::format("take this program out of instance {}", name), outcome));
  }
  say(fmt::format("instance {} was there before this lab: left running, without our files", name));
  return {};
}

// The instances of the lab: NAME, NAME-2 …
std::vector<std::string> instances_of(const std::string& lab, int nodes) {
  std::vector<std::string> names = {lab};
  for (int number = 2; number <= nodes; ++number) names.push_back(fmt::format("{}-{}", lab, number));
  return names;
}

// No other lab of this user has one of them. Both are written down before either is asked for: of two that come up at
// once, one sees the other at least.
Result<void> check_not_shared(const LabSpec& spec, const std::vector<std::string>& wanted) {
  NETNS_LAB_ASSIGN(const LabHome home, LabHome::open(RuntimeEnvironment::of_process()));
  NETNS_LAB_ASSIGN(const std::vector<std::string> labs, home.names());
  for (const std::string& lab : labs) {
    if (lab == spec.name || provider_of_named(lab) != Provider::kMultipass) continue;
    std::vector<std::string> others = instances_of(lab, nodes_of_named(lab));
    for (const MadeInstance& made : read_made(home.lab_path(lab))) others.push_back(made.name);
    for (const std::string& name : wanted) {
      if (std::find(others.begin(), others.end(), name) == others.end()) continue;
      return tl::unexpected(Error::taken(
          fmt::format("instance {} for lab {}", name, spec.name), fmt::format("lab {} has it", lab),
          fmt::format("use another --name, or end that one: netns-lab destroy --lab multipass --name {}", lab)));
    }
  }
  return {};
}

multipass::InstanceSpec chosen_instance(const InstanceChoice& choice, std::string cloud_init) {
  multipass::InstanceSpec instance;
  instance.cloud_init = std::move(cloud_init);
  if (!choice.image.empty()) instance.image = choice.image;
  if (!choice.memory.empty()) instance.memory = choice.memory;
  if (!choice.disk.empty()) instance.disk = choice.disk;
  instance.processors = choice.processors;
  return instance;
}

// It runs when this returns, and bears its token where it was launched. `launched` gets its name then, before it is.
Result<void> bring_up_instance(multipass::Driver& driver, const multipass::InstanceSpec& instance,
                               const InstanceChoice& choice, const std::string& folder,
                               std::vector<std::string>& launched) {
  NETNS_LAB_ASSIGN(const multipass::Readiness ready, driver.make_ready(instance, [&]() -> Result<void> {
    say(fmt::format("launching instance {} ({}, memory {}, disk {}); this takes minutes", instance.name, instance.image,
                    instance.memory, instance.disk));
    NETNS_LAB_ASSIGN(const MadeInstance made, new_instance(instance.name));
    NETNS_LAB_TRY(remember(folder, made));
    launched.push_back(instance.name);
    return {};
  }));
  for (const std::string& remark : ready.remarks) say(remark);
  NETNS_LAB_TRY(mark(driver, folder, instance.name));
  if (!ready.launched && !(choice == InstanceChoice())) {
    say(fmt::format("instance {} was there before: --image, --memory, --cpus, --disk and --cloud-init do not change it",
                    instance.name));
  }
  return {};
}

// After an instance could not be had. When it was its launch that failed, and nothing came of it, those that this `up`
// launched before are of no use: they go. Else what there is stays, to be looked at, for the next `up` or for
// `destroy`.
void fold_back(multipass::Driver& driver, const std::string& folder, const Error& why,
               const std::vector<std::string>& launched) {
  if (launched.empty()) return;
  const std::string& last = launched.back();
  const auto there = driver.info(last);
  const bool is_somebody_elses = why.kind == ErrorKind::kTaken;
  const bool may_come_to_be = why.kind == ErrorKind::kTimeout;
  if (!there || (*there && !is_somebody_elses) || may_come_to_be) return;
  if (const auto forgotten = forget(folder, last); !forgotten) say("warning: " + forgotten.error().message());
  for (const MadeInstance& made : read_made(folder)) {
    if (std::find(launched.begin(), launched.end(), made.name) == launched.end()) continue;
    auto removed = remove_made(driver, made, folder);
    if (removed) removed = forget(folder, made.name);
    if (!removed) say("warning: " + removed.error().message());
  }
}

// From the first instance to each of the others, for each of them. Their addresses are asked for; the ports of a lab
// are its own, so that two labs of the same instances are apart.
Result<std::vector<std::vector<node::UnderlayWire>>> plan_wires(multipass::Driver& driver,
                                                                const std::vector<std::string>& names) {
  std::vector<std::vector<node::UnderlayWire>> wires(names.size());
  if (names.size() == 1) return wires;
  std::vector<IpAddress> addresses;
  for (const std::string& name : names) {
    const std::string attempted = fmt::format("join instance {} to the others", name);
    NETNS_LAB_ASSIGN(const auto instance, driver.info(name));
    if (!instance || instance->ipv4.empty()) {
      return tl::unexpected(Error::missing(attempted, "multipass tells no IPv4 address of it",
                                           fmt::format("multipass info {} shows whether it has one by now", name)));
    }
    const auto address = IpAddress::parse(instance->ipv4.front());
    if (!address || !address->is_v4()) {
      return tl::unexpected(Error::internal(
          attempted, fmt::format("multipass tells what is no IPv4 address: {}", visible(instance->ipv4.front(), 80))));
    }
    addresses.push_back(*address);
  }
  std::uint16_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) {
    return tl::unexpected(Error::system("choose ports for a lab", errno));
  }
  const int first_port = kFirstPort + random % kPorts;
  for (std::size_t i = 1; i < names.size(); ++i) {
    node::UnderlayWire wire;
    wire.own = 1;
    wire.peer = static_cast<int>(i) + 1;
    wire.local = addresses.front();
    wire.remote = addresses[i];
    wire.port = static_cast<std::uint16_t>(first_port + static_cast<int>(i));
    wires.front().push_back(wire);
    std::swap(wire.own, wire.peer);
    std::swap(wire.local, wire.remote);
    wires[i].push_back(wire);
  }
  return wires;
}

// The process that keeps the stream into the instance, as it is launched.
Result<KeeperLaunch> keeper_of(multipass::Driver& driver, const LabSpec& spec, const std::string& folder, int number,
                               const std::string& name, const std::vector<node::UnderlayWire>& wires) {
  const multipass::Bundle bundle{.build = build_id()};
  NETNS_LAB_TRY(put_bundle(driver, name, bundle));
  NETNS_LAB_TRY(load_modules(driver, name, !wires.empty()));
  KeeperLaunch what;
  what.life = node::LabLife::kItsOwn;
  what.boot = [command = driver.stream_command(name, service(bundle, wires))](
                  std::span<const int> interrupts) -> Result<std::unique_ptr<qemu::KeptMachine>> {
    NETNS_LAB_ASSIGN(multipass::Connection connection,
                     multipass::Connection::open(command, build_id(), Deadline::after(kHelloLimit), interrupts));
    return std::make_unique<multipass::Connection>(std::move(connection));
  };
  NETNS_LAB_ASSIGN(what.sockets,
                   standing_sockets(folder, number, spec.nodes, spec.underlay.value_or(Underlay::kOneSegment)));
  return what;
}

}  // namespace

Result<void> start_standing_instance(const LabSpec& spec, const std::string& folder) {
  const Deadline deadline = Deadline::after(kUpLimit * spec.nodes);
  const std::string log_path = folder + "/" + kLogFile;
  const UniqueFd log(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log.valid()) return tl::unexpected(Error::system("write " + log_path, errno));
  multipass::ProcessRunner runner;
  multipass::Driver driver(runner, own_environment(), deadline);
  const std::vector<std::string> names = instances_of(spec.name, spec.nodes);
  for (const std::string& name : names) NETNS_LAB_TRY(multipass::check_instance_name(name));
  NETNS_LAB_TRY(check_not_shared(spec, names));
  NETNS_LAB_ASSIGN(std::string cloud_init, read_cloud_init(spec.instance.cloud_init));
  multipass::InstanceSpec instance = chosen_instance(spec.instance, std::move(cloud_init));
  std::vector<std::string> launched;
  for (const std::string& name : names) {
    instance.name = name;
    auto is_up = bring_up_instance(driver, instance, spec.instance, folder, launched);
    if (is_up) continue;
    if (!launched.empty() && launched.back() == name) fold_back(driver, folder, is_up.error(), launched);
    return is_up;
  }
  NETNS_LAB_ASSIGN(const auto wires, plan_wires(driver, names));
  NETNS_LAB_ASSIGN(const KeeperTies ties, KeeperTies::create(spec.nodes));
  std::vector<KeeperLaunch> keepers;
  std::vector<UniqueFd> last_words;
  for (int number = 1; number <= spec.nodes; ++number) {
    const auto index = static_cast<std::size_t>(number) - 1;
    NETNS_LAB_ASSIGN(KeeperLaunch what, keeper_of(driver, spec, folder, number, names[index], wires[index]));
    NETNS_LAB_ASSIGN(UniqueFd words, last_words_file(folder, number));
    what.log = log.get();
    what.last_words = words.get();
    what.deadline = deadline;
    ties.put_into(what, number);
    keepers.push_back(std::move(what));
    last_words.push_back(std::move(words));
  }
  auto started = launch_keepers(std::move(keepers));
  pass_on_log(log_path);
  return started;
}

Result<void> look_for_multipass() {
  multipass::ProcessRunner runner;
  multipass::Driver driver(runner, own_environment(), Deadline::after(kLookLimit));
  NETNS_LAB_TRY(driver.probe());
  return {};
}

Result<void> leave_instance(const LabSpec& spec, const std::string& folder) {
  multipass::ProcessRunner runner;
  multipass::Driver driver(runner, own_environment(), Deadline::after(kLeaveLimit * nodes_of_named(spec.name)));
  Result<void> left;
  std::vector<std::string> others = instances_of(spec.name, nodes_of_named(spec.name));
  // The last one first: what a lab is known by goes last.
  const std::vector<MadeInstance> all = read_made(folder);
  for (auto made = all.rbegin(); made != all.rend(); ++made) {
    std::erase(others, made->name);
    auto removed = remove_made(driver, *made, folder);
    if (removed) removed = forget(folder, made->name);
    if (left) left = std::move(removed);
  }
  for (const std::string& name : others) {
    auto taken_out = take_out(driver, name);
    if (left) left = std::move(taken_out);
  }
  return left;
}

}  // namespace netns_lab::cli
