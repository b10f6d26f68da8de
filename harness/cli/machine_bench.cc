// Labs in virtual machines, as a user waits for them. NETNS_LAB names the binary (ci/bench sets it).
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "harness/lab/qemu/kernel_image.h"
#include "harness/lab/qemu/machine.h"
#include "harness/test_support/versus.h"

namespace netns_lab {
namespace {

using test_support::milliseconds_of;
using test_support::run_quietly;
using Argv = std::vector<std::string>;

std::string remedy_for_machines() {
  if (const auto program = qemu::check_program({}); !program) return program.error().remedy;
  if (const auto kernel = qemu::find_kernel(""); !kernel) return kernel.error().remedy;
  return "";
}

Argv netns_lab(const Argv& words) {
  const char* binary = std::getenv("NETNS_LAB");
  Argv argv = {binary != nullptr ? binary : "build/release/netns-lab", words.front(), "--lab", "qemu"};
  argv.insert(argv.end(), words.begin() + 1, words.end());
  return argv;
}

std::optional<double> time_of(const Argv& argv) {
  int status = -1;
  const double milliseconds = milliseconds_of([&] { status = run_quietly(argv); });
  return status == 0 ? std::optional<double>(milliseconds) : std::nullopt;
}

const Argv kUp = {"up", "--name", "bench"};
const Argv kDestroy = {"destroy", "--name", "bench"};
const Argv kTest = {"test", "single-namespace", "--report-dir", "/run/netns-lab-machine-report"};

// Only what is in the middle is timed.
std::optional<double> in_a_standing_machine(const Argv& words) {
  if (run_quietly(netns_lab(kUp)) != 0) return std::nullopt;
  std::optional<double> milliseconds = time_of(netns_lab(words));
  if (run_quietly(netns_lab(kDestroy)) != 0) return std::nullopt;
  return milliseconds;
}

std::optional<double> cold_boot() {
  const std::optional<double> milliseconds = time_of(netns_lab(kUp));
  return run_quietly(netns_lab(kDestroy)) == 0 ? milliseconds : std::nullopt;
}

test_support::Comparison row(const std::string& name, double goal, std::optional<double> stretch,
                             std::function<std::optional<double>()> ours) {
  return {.name = name,
          .peer_name = "a virtual machine",
          .unit = "ms",
          .goal = goal,
          .stretch = stretch,
          .more_is_better = false,
          .rounds = 3,
          .ours = std::move(ours),
          .peer = nullptr,
          .peer_is_missing = remedy_for_machines};
}

const test_support::Versus kColdBoot(row("cold boot of a virtual machine (up)", 4'000, 3'000, cold_boot));
const test_support::Versus kReuse(row("up of a virtual machine that stands", 100, std::nullopt,
                                      [] { return in_a_standing_machine(kUp); }));
const test_support::Versus kFreshTest(row("whole command in a fresh virtual machine", 15'000, std::nullopt,
                                          [] { return time_of(netns_lab(kTest)); }));
const test_support::Versus kStandingTest(row("whole command in one that stands", 6'000, std::nullopt, [] {
  Argv words = kTest;
  words.insert(words.end(), {"--name", "bench"});
  return in_a_standing_machine(words);
}));

}  // namespace
}  // namespace netns_lab
