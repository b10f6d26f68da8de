// What `netns-lab test bridge --containers N` takes, from the build to the last link gone, and how it grows with N.
// NETNS_LAB names the binary (ci/bench sets it).
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "harness/test_support/versus.h"

namespace netns_lab {
namespace {

using test_support::Comparison;
using test_support::milliseconds_of;
using test_support::run_quietly;
using test_support::Versus;

std::string binary() {
  const char* const named = std::getenv("NETNS_LAB");
  return named != nullptr ? named : "build/release/netns-lab";
}

std::vector<std::string> command(int containers) {
  return {binary(),
          "test",
          "bridge",
          "--containers",
          std::to_string(containers),
          "--report-dir",
          "/run/netns-lab-bench-report"};
}

std::optional<double> milliseconds_with(int containers) {
  bool good = false;
  const double milliseconds = milliseconds_of([&] { good = run_quietly(command(containers)) == 0; });
  return good ? std::optional<double>(milliseconds) : std::nullopt;
}

std::optional<double> of_each(int containers) {
  const auto all = milliseconds_with(containers);
  return all ? std::optional<double>(*all / containers) : std::nullopt;
}

// What the kernel holds for itself, in KiB: slabs (large allocations among them), what it has once a processor, stacks,
// page tables, and what is mapped page by page (proc_meminfo(5)). Not what is free, cached, or a process's own.
double kernel_memory() {
  std::ifstream file("/proc/meminfo");
  double sum = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    double kib = 0;
    words >> name >> kib;
    if (name == "Slab:" || name == "Percpu:" || name == "KernelStack:" || name == "PageTables:" ||
        name == "VmallocUsed:")
      sum += kib;
  }
  return sum;
}

// Returns once the kernel is through with the namespaces that were deleted before: it takes them in their order
// (cleanup_net, net/core/net_namespace.c), and this case ends when it has taken one of its own.
bool await_deletions() {
  return run_quietly({binary(), "test", "single-namespace", "--family", "ipv4", "--filter",
                      "single-namespace.tear-down", "--report-dir", "/run/netns-lab-bench-report"}) == 0;
}

// A container's share of what the kernel has more when so many stand in a lab than when none does: without neighbour
// entries, for nobody has sent anything.
std::optional<double> kernel_memory_of_each(int containers) {
  const std::vector<std::string> lab{"--name", "scale-bench"};
  const auto with_lab = [&](std::vector<std::string> words) {
    words.insert(words.begin(), binary());
    words.insert(words.end(), lab.begin(), lab.end());
    return run_quietly(words) == 0;
  };
  // Twice: the first may be in one batch with what was deleted before, whose links go before its memory does.
  if (!await_deletions() || !await_deletions() || !with_lab({"up"})) return std::nullopt;
  const double before = kernel_memory();
  const bool built = with_lab({"run", "bridge-scale", "--param", "CONTAINERS=" + std::to_string(containers)});
  const double after = kernel_memory();
  if (!with_lab({"destroy"}) || !built) return std::nullopt;
  return (after - before) / containers;
}

// The curve: a container's share of the whole command. Goals are where it stood with a margin for the machine.
const Versus kTen(test_support::without_peer("bridge with 10 containers, each of them", "ms", 200, 3,
                                             [] { return of_each(10); }));
const Versus kHundred(test_support::without_peer("bridge with 100 containers, each of them", "ms", 60, 3,
                                                 [] { return of_each(100); }));
const Versus kThreeHundred(test_support::without_peer("bridge with 300 containers, each of them", "ms", 60, 1,
                                                      [] { return of_each(300); }));
const Versus kThousand({.name = "bridge with 1,000 containers, each of them",
                        .peer_name = "one of 10",
                        .unit = "ms",
                        .goal = 2,
                        .stretch = 1,
                        .more_is_better = false,
                        .rounds = 1,
                        .ours = [] { return of_each(1'000); },
                        .peer = [] { return of_each(10); }});
const Versus kWhole({.name = "bridge with 1,000 containers, whole command",
                     .peer_name = "",
                     .unit = "ms",
                     .goal = 30'000,
                     .stretch = 15'000,
                     .more_is_better = false,
                     .rounds = 1,
                     .ours = [] { return milliseconds_with(1'000); },
                     .peer = nullptr});
const Versus kMemory(test_support::without_peer("peak memory of that, all processes", "MiB", 192, 1,
                                                [] { return test_support::peak_memory_of(command(1'000)); }));
const Versus kKernelMemory(test_support::without_peer("kernel's memory for each of 1,000 containers", "KiB", 450, 2,
                                                      [] { return kernel_memory_of_each(1'000); }));

}  // namespace
}  // namespace netns_lab
