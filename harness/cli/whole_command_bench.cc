// The whole command against the tutorial's own checks, run as a script would run them. NETNS_LAB names the binary
// (ci/bench sets it).
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "harness/test_support/versus.h"

namespace netns_lab {
namespace {

using test_support::milliseconds_of;
using test_support::run_quietly;
using Argv = std::vector<std::string>;

Argv whole_command() {
  const char* binary = std::getenv("NETNS_LAB");
  return {binary != nullptr ? binary : "build/release/netns-lab",
          "test",
          "single-namespace",
          "--target",
          "native",
          "--report-dir",
          "/run/netns-lab-bench-report"};
}

// Part 1 as the tutorial wires it, once for all rounds of the peer.
bool build_part_1() {
  static const bool built = [] {
    const std::vector<Argv> steps = {
        {"ip", "netns", "add", "netns1"},
        {"ip", "link", "add", "veth1", "type", "veth", "peer", "name", "veth2"},
        {"ip", "link", "set", "veth2", "netns", "netns1"},
        {"ip", "-n", "netns1", "address", "add", "10.200.1.1/32", "dev", "veth2"},
        {"ip", "link", "set", "lo", "up"},
        {"ip", "address", "add", "192.0.2.1/32", "dev", "lo"},
        {"ip", "-n", "netns1", "link", "set", "lo", "up"},
        {"ip", "link", "set", "veth1", "up"},
        {"ip", "-n", "netns1", "link", "set", "veth2", "up"},
        {"ip", "route", "add", "10.200.1.1/32", "dev", "veth1"},
        {"ip", "-n", "netns1", "route", "add", "default", "via", "10.200.1.1", "dev", "veth2"}};
    for (const Argv& step : steps) {
      if (run_quietly(step) != 0) return false;
    }
    return true;
  }();
  return built;
}

std::optional<double> tutorial_checks() {
  if (!build_part_1()) return std::nullopt;
  const std::vector<Argv> checks = {{"ip", "netns", "list"},
                                    {"ip", "link", "show", "veth1"},
                                    {"ip", "netns", "exec", "netns1", "ip", "addr", "show", "veth2"},
                                    {"ip", "route", "show", "10.200.1.1"},
                                    {"ip", "netns", "exec", "netns1", "ip", "route", "show", "default"},
                                    {"ping", "-c", "3", "10.200.1.1"},
                                    {"ip", "netns", "exec", "netns1", "ping", "-c", "3", "10.200.1.1"}};
  bool good = true;
  const double milliseconds = milliseconds_of([&] {
    for (const Argv& check : checks) good = run_quietly(check) == 0 && good;
  });
  return good ? std::optional<double>(milliseconds) : std::nullopt;
}

std::optional<double> our_checks() {
  bool good = false;
  const double milliseconds = milliseconds_of([&] { good = run_quietly(whole_command()) == 0; });
  return good ? std::optional<double>(milliseconds) : std::nullopt;
}

const test_support::Versus kWholeCommand({.name = "whole command, native target, every requirement",
                                          .peer_name = "the tutorial's 7 checks",
                                          .unit = "ms",
                                          .goal = 1.0 / 40,
                                          .stretch = 1.0 / 100,
                                          .more_is_better = false,
                                          .rounds = 5,
                                          .ours = our_checks,
                                          .peer = tutorial_checks});

// What a case costs that needs a fresh node, by the run's own record: RebuildWorks has the network built on it, waits
// for its links, looks at it, and probes both ways.
std::optional<double> a_case_on_a_fresh_node() {
  if (run_quietly(whole_command()) != 0) return std::nullopt;
  std::ifstream record("/run/netns-lab-bench-report/record.jsonl");
  for (std::string line; std::getline(record, line);) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (event.value("event", "") != "case-ended" || event.value("name", "") != "RebuildWorks") continue;
    return event.value("duration_us", 0.0) / 1000;
  }
  return std::nullopt;
}

const test_support::Versus kFreshNode({.name = "a further case that needs a fresh node",
                                       .peer_name = "",
                                       .unit = "ms",
                                       .goal = 10,
                                       .stretch = 5,
                                       .more_is_better = false,
                                       .rounds = 15,
                                       .ours = a_case_on_a_fresh_node,
                                       .peer = nullptr});

const test_support::Versus kPeakMemory({.name = "peak memory of the whole command",
                                        .peer_name = "",
                                        .unit = "MiB",
                                        .goal = 96,
                                        .stretch = std::nullopt,
                                        .more_is_better = false,
                                        .rounds = 5,
                                        .ours = [] { return test_support::peak_memory_of(whole_command()); },
                                        .peer = nullptr});

}  // namespace
}  // namespace netns_lab
