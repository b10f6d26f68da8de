// Comparisons with a peer: ours and theirs in alternating rounds, judged by the median of the ratios pair by pair, so
// that a machine whose speed drifts slows both alike. Registered beside the code, in x_bench.cc; `make bench` prints
// them all as one table.
//
//   const Versus kSetUp({.name = "set up part 1", .peer_name = "ip -batch", .unit = "ms", .goal = 1.0 / 6,
//                        .ours = [] { return time_of(…); }, .peer = [] { return time_of(…); }});
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace netns_lab::test_support {

struct Comparison {
  std::string name;
  std::string peer_name;
  std::string unit;
  double goal = 1;  // ours / peer shall be at most this …
  std::optional<double> stretch;
  bool more_is_better = false;  // … or, for a rate, at least this
  int rounds = 15;
  std::function<std::optional<double>()> ours;  // one round; nullopt: it could not be measured (the row then says so)
  std::function<std::optional<double>()> peer;  // none: the goal is for our own figure, in `unit`
  // For a peer that is not in ci/packages.txt: the command that installs it, "" when it is here. The row then says so.
  std::function<std::string()> peer_is_missing = nullptr;
};

// A figure of ours that has no peer; `goal` in `unit`.
Comparison without_peer(std::string name, std::string unit, double goal, int rounds,
                        std::function<std::optional<double>()> ours);

// A static object of this type registers its comparison.
struct Versus {
  explicit Versus(Comparison comparison);
};

// Milliseconds that `body` takes, by the monotonic clock.
double milliseconds_of(const std::function<void()>& body);
// The largest memory, in MiB, that argv and all its descendants held together at any moment (the sum of their
// proportional set sizes, looked at without pause while it runs); nullopt when it could not be run or did not end well.
std::optional<double> peak_memory_of(const std::vector<std::string>& argv);
// Runs argv to its end with output discarded; its exit status, -1 when it could not be run or was killed.
int run_quietly(const std::vector<std::string>& argv);

// Runs what is registered and prints a row each. Returns the process's exit status: 1 when a row could not be measured.
int run_comparisons(const std::string& only_matching);

}  // namespace netns_lab::test_support
