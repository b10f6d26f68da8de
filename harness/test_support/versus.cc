#include "harness/test_support/versus.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

namespace netns_lab::test_support {
namespace {

std::vector<Comparison>& registered() {
  static std::vector<Comparison> comparisons;
  return comparisons;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Prints one row; false when it could not be measured.
bool run(const Comparison& comparison) {
  if (const std::string remedy = comparison.peer_is_missing ? comparison.peer_is_missing() : ""; !remedy.empty()) {
    std::printf("%-44s  not measured: %s is not here: %s\n", comparison.name.c_str(), comparison.peer_name.c_str(),
                remedy.c_str());
    return true;
  }
  std::vector<double> ours;
  std::vector<double> peer;
  std::vector<double> ratios;
  for (int round = -1; round < comparison.rounds; ++round) {  // the first pair warms up
    const std::optional<double> a = comparison.ours();
    const std::optional<double> b = comparison.peer ? comparison.peer() : std::optional<double>(1);
    if (!a || !b || *b <= 0) {
      std::printf("%-44s  not measured: %s failed in round %d\n", comparison.name.c_str(),
                  a ? comparison.peer_name.c_str() : "ours", round + 1);
      return false;
    }
    if (round < 0) continue;
    ours.push_back(*a);
    peer.push_back(*b);
    ratios.push_back(*a / *b);
  }
  const double ratio = median(ratios);
  const auto reaches = [&](double goal) { return comparison.more_is_better ? ratio >= goal : ratio <= goal; };
  const char* word = comparison.stretch && reaches(*comparison.stretch) ? "stretch"
                     : reaches(comparison.goal)                         ? "met"
                                                                        : "MISSED";
  std::printf("%-44s  %10.3f  %10.3f %-4s  %8.4f  %s %.4f  %-7s  %s\n", comparison.name.c_str(), median(ours),
              median(peer), comparison.unit.c_str(), ratio, comparison.more_is_better ? ">=" : "<=", comparison.goal,
              word, comparison.peer_name.c_str());
  std::fflush(stdout);
  return true;
}

}  // namespace

Comparison without_peer(std::string name, std::string unit, double goal, int rounds,
                        std::function<std::optional<double>()> ours) {
  return {.name = std::move(name),
          .peer_name = "",
          .unit = std::move(unit),
          .goal = goal,
          .stretch = std::nullopt,
          .more_is_better = false,
          .rounds = rounds,
          .ours = std::move(ours),
          .peer = nullptr};
}

Versus::Versus(Comparison comparison) { registered().push_back(std::move(comparison)); }

double milliseconds_of(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

namespace {

// The process id of argv, started with its standard streams on /dev/null; -1 when it could not be.
pid_t start_quietly(const std::vector<std::string>& argv) {
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  const int spawn_error = ::posix_spawnp(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  return spawn_error == 0 ? child : -1;
}

// Proportional set size of one process in KiB; 0 when it is gone.
double proportional_set_size(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/smaps_rollup");
  std::string word;
  double kibibytes = 0;
  while (file >> word) {
    if (word == "Pss:" && file >> kibibytes) return kibibytes;
  }
  return 0;
}

// `root` and everything below it in the tree of processes.
double proportional_set_size_of_tree(pid_t root) {
  double sum = proportional_set_size(std::to_string(root));
  std::error_code ignored;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(root) + "/task", ignored)) {
    std::ifstream children(task.path() / "children");
    pid_t child = 0;
    while (children >> child) sum += proportional_set_size_of_tree(child);
  }
  return sum;
}

}  // namespace

std::optional<double> peak_memory_of(const std::vector<std::string>& argv) {
  const pid_t child = start_quietly(argv);
  if (child < 0) return std::nullopt;
  double peak = 0;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) peak = std::max(peak, proportional_set_size_of_tree(child));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  return peak / 1024;
}

int run_quietly(const std::vector<std::string>& argv) {
  const pid_t child = start_quietly(argv);
  if (child < 0) return -1;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int run_comparisons(const std::string& only_matching) {
  bool all_measured = true;
  for (const Comparison& comparison : registered()) {
    if (comparison.name.find(only_matching) == std::string::npos) continue;
    all_measured = run(comparison) && all_measured;
  }
  return all_measured ? 0 : 1;
}

}  // namespace netns_lab::test_support
