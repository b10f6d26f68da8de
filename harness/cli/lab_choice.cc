#include "harness/cli/lab_choice.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "harness/base/text.h"
#include "harness/cli/machine.h"
#include "harness/cli/machine_witness.h"
#include "harness/cli/output.h"
#include "harness/cli/services.h"
#include "harness/lab/named_lab.h"
#include "harness/lab/qemu/command_line.h"
#include "harness/lab/qemu/kernel_image.h"
#include "harness/lab/qemu/state_disk.h"

namespace netns_lab::cli {
namespace {

constexpr std::chrono::seconds kHelloLimit{20};  // an agent of a busy machine takes seconds
constexpr std::chrono::seconds kLabLimit{660};   // a virtual machine takes its time to boot
// An instance is launched from an image that is fetched first, and installs packages.
constexpr std::chrono::minutes kInstanceLimit{20};

// What begins with a hyphen would be an option to multipass; it judges the rest itself.
Result<void> check_instance_choice(const LabSpec& spec) {
  const InstanceChoice& choice = spec.instance;
  for (const auto& [option, value] :
       {std::pair("--image", choice.image), std::pair("--disk", choice.disk),
        std::pair("--cloud-init", choice.cloud_init), std::pair("--memory", choice.memory)}) {
    if (value.empty()) continue;
    const std::string attempted = fmt::format("{} {}", option, visible(value, 80));
    const bool is_for_qemu = option == std::string_view("--memory") || option == std::string_view("--disk");
    if (spec.provider != Provider::kMultipass && !(is_for_qemu && spec.provider == Provider::kQemu)) {
      return tl::unexpected(Error::invalid(attempted, fmt::format("a {} lab has no instance", to_string(spec.provider)),
                                           is_for_qemu ? "add --lab qemu or --lab multipass" : "add --lab multipass"));
    }
    if (value.front() == '-') return tl::unexpected(Error::invalid(attempted, "it begins with a hyphen"));
  }
  if (choice.processors != 0 && !is_virtual_machine(spec.provider)) {
    return tl::unexpected(
        Error::invalid(fmt::format("--cpus {}", choice.processors),
                       fmt::format("a {} lab has this machine's processors", to_string(spec.provider)),
                       "add --lab qemu or --lab multipass"));
  }
  if (!choice.state_disk.empty() && spec.provider != Provider::kQemu) {
    return tl::unexpected(Error::invalid("--state-disk " + visible(choice.state_disk, 200),
                                         fmt::format("a {} lab has no machine of ours", to_string(spec.provider)),
                                         "add --lab qemu"));
  }
  if (spec.provider != Provider::kQemu) return {};
  if (!choice.disk.empty() && choice.state_disk.empty()) {
    return tl::unexpected(Error::invalid("--disk " + visible(choice.disk, 80),
                                         "a machine has no disk but the one that --state-disk names",
                                         "add --state-disk FILE"));
  }
  NETNS_LAB_TRY(qemu::parse_disk(choice.disk));
  NETNS_LAB_TRY(qemu::parse_memory(choice.memory));
  return {};
}

// A standing machine runs the kernel it was booted with.
Result<void> check_kernels(const LabSpec& standing, const std::vector<std::string>& kernels) {
  if (kernels.size() > 1) {
    return tl::unexpected(Error::invalid(fmt::format("--name {} with {} kernels", standing.name, kernels.size()),
                                         "that lab is up, and its machine has one kernel",
                                         "leave --name out: each kernel gets a machine of its own"));
  }
  return check_kernel(standing, standing.node_kernel);
}

bool asks_for_a_size(const LabSpec& spec) { return !spec.instance.memory.empty() || spec.instance.processors != 0; }

Error not_for_one_run(const std::string& name) {
  return Error::missing(
      "a lab of this run's own in a multipass instance", "an instance is not launched for one run: it takes minutes",
      fmt::format("make one that stays: netns-lab up --lab multipass --name {0}; then add --name {0}", name));
}

}  // namespace

Result<void> check_kernel(const LabSpec& spec, const std::string& running) {
  if (spec.kernel.empty()) return {};
  NETNS_LAB_ASSIGN(const qemu::KernelImage wanted, qemu::find_kernel(spec.kernel));
  if (wanted.release == running) return {};
  return tl::unexpected(Error::taken(
      fmt::format("lab {} with kernel {}", spec.name, wanted.release), fmt::format("it is up with kernel {}", running),
      fmt::format("netns-lab destroy --lab qemu --name {}, or use another --name", spec.name)));
}

Result<void> check_state_disk(const LabSpec& spec) {
  if (spec.instance.state_disk.empty()) return {};
  NETNS_LAB_ASSIGN(const LabHome home, LabHome::open(RuntimeEnvironment::of_process()));
  std::ifstream note(home.lab_path(spec.name) + "/" + kStateDiskFile);
  const std::string has{std::istreambuf_iterator<char>(note), std::istreambuf_iterator<char>()};
  std::error_code missing;
  if (!has.empty() && std::filesystem::equivalent(has, spec.instance.state_disk, missing)) return {};
  return tl::unexpected(
      Error::taken(fmt::format("lab {} with state disk {}", spec.name, visible(spec.instance.state_disk, 200)),
                   has.empty() ? "it is up without one" : fmt::format("it is up with {}", visible(has, 200)),
                   fmt::format("netns-lab destroy --lab qemu --name {}, or use another --name", spec.name)));
}

Deadline limit_for(const LabSpec& spec) {
  if (spec.provider != Provider::kMultipass) return Deadline::after(kLabLimit);
  return Deadline::after(kInstanceLimit * spec.nodes);  // one after the other
}

Result<LabSpec> named_lab_spec(const Arguments& arguments) {
  LabSpec spec;
  spec.name = arguments.lab_name.empty() ? kDefaultLabName : arguments.lab_name;
  NETNS_LAB_TRY(check_lab_name(spec.name));
  if (!arguments.lab.empty()) {
    NETNS_LAB_ASSIGN(spec.provider, parse_provider(arguments.lab));
  } else if (const auto standing = provider_of_named(spec.name)) {
    spec.provider = *standing;
  }
  if (arguments.kernels.size() > 1 && arguments.command != Command::kTest) {
    return tl::unexpected(Error::invalid("--kernel " + visible(arguments.kernels[1], 200),
                                         "a machine has one kernel, and another was named before",
                                         "netns-lab test takes several, and judges on each"));
  }
  if (!arguments.kernels.empty()) spec.kernel = arguments.kernels.front();
  if (!spec.kernel.empty() && spec.provider != Provider::kQemu) {
    return tl::unexpected(Error::invalid(
        "--kernel " + visible(spec.kernel, 200),
        fmt::format("a {} lab runs on this machine's kernel", to_string(spec.provider)), "add --lab qemu"));
  }
  spec.instance = arguments.instance;
  NETNS_LAB_TRY(check_instance_choice(spec));
  spec.privileged = arguments.privileged;
  if (spec.privileged && ::geteuid() != 0) {
    return tl::unexpected(
        Error::missing("--privileged", "it needs root", "run it as root, or leave it out: a sandbox needs no root"));
  }
  return spec;
}

void tell_what_is_not_changed(const LabSpec& standing) {
  if (asks_for_a_size(standing)) {
    say(fmt::format("lab {} is up: --memory and --cpus do not change its machine", standing.name));
  }
}

Result<LabChoice> choose_lab(const Arguments& arguments) {
  LabChoice choice;
  NETNS_LAB_ASSIGN(choice.spec, named_lab_spec(arguments));
  const std::string name = choice.spec.name;
  if (arguments.lab_name.empty()) {
    choice.spec.name.clear();
    if (arguments.lab.empty()) choice.spec.provider = Provider::kSandbox;
    if (choice.spec.provider == Provider::kMultipass) return tl::unexpected(not_for_one_run(name));
    return choice;
  }
  auto standing = Lab::open(choice.spec, lab_services(), Deadline::after(kHelloLimit));
  if (standing) {
    choice.spec.node_kernel = standing->node().hello().kernel;
    NETNS_LAB_TRY(check_kernels(choice.spec, arguments.kernels));
    tell_what_is_not_changed(choice.spec);
    return choice;
  }
  if (standing.error().kind != ErrorKind::kMissing) return tl::unexpected(std::move(standing).error());
  if (choice.spec.provider == Provider::kMultipass) return tl::unexpected(not_for_one_run(name));
  choice.spec.name.clear();
  choice.name_unused = true;
  return choice;
}

std::string lab_options(const LabSpec& spec) {
  std::string options;
  if (spec.provider != LabSpec().provider) options += " --lab " + to_string(spec.provider);
  if (spec.name != kDefaultLabName) options += " --name " + spec.name;
  return options;
}

std::string look_around(const LabSpec& spec, const Topology& topology) {
  const std::string others =
      spec.nodes > 1 ? fmt::format("on another:   netns-lab shell{} --node 2\n", lab_options(spec)) : "";
  return fmt::format(
      "look around:  netns-lab shell{0}\n"
      "inside it:    netns-lab shell{0} --netns {1}\n"
      "{2}"
      "remove it:    netns-lab destroy{0}\n",
      lab_options(spec), topology.namespaces.empty() ? "NAME" : topology.namespaces.front(), others);
}

Result<Lab> open_named_lab(const Arguments& arguments) {
  NETNS_LAB_ASSIGN(LabSpec spec, named_lab_spec(arguments));
  spec.nodes = arguments.node;
  auto lab = Lab::open(spec, lab_services(), Deadline::after(kHelloLimit));
  if (lab || !is_virtual_machine(spec.provider)) return lab;
  Error error = std::move(lab).error();
  const std::string cause = MachineWitness::of_named(spec.name).cause();
  if (!cause.empty()) error.detail += "; its machine ended: " + cause;
  return tl::unexpected(std::move(error));
}

}  // namespace netns_lab::cli
