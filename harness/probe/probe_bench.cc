// Ours against ping and fping of this machine.
#include <benchmark/benchmark.h>
#include <spawn.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>
#include <regex>
#include <sstream>

#include "harness/probe/echo_lanes.h"
#include "harness/probe/prober.h"
#include "harness/probe/test_network.h"
#include "harness/test_support/versus.h"

namespace netns_lab::probe {
namespace {

using std::chrono::microseconds;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Runs a program and returns what it wrote to standard output and standard error.
std::string output_of(std::vector<std::string> arguments) {
  const std::string file = "/run/output";
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return "";
  int status = 0;
  ::waitpid(child, &status, 0);
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::string output_in(const std::string& network_namespace, const std::vector<std::string>& arguments) {
  return in_namespace(network_namespace, [&] { return output_of(arguments); });
}

// The number in the first group of `pattern`; none when there is none: then there is nothing to compare with.
std::optional<double> number_in(const std::string& text, const std::string& pattern) {
  std::smatch found;
  if (!std::regex_search(text, found, std::regex(pattern))) return std::nullopt;
  return std::stod(found[1]);
}

EchoReport one_echo(Prober& prober, const EchoSpec& spec) {
  auto reports = prober.echo(std::span(&spec, 1));
  if (!reports) throw std::runtime_error(reports.error().message());
  if (reports->front().answered() != spec.count) throw std::runtime_error("not every echo was answered");
  return std::move(reports->front());
}

// What the comparisons of one pair are made on. Made when the first is measured: --versus WORD makes only
// what it needs.
template <typename Network>
struct Stage {
  Network network;
  Prober prober{test_socket};
};
template <typename Network>
Stage<Network>& stage() {
  static Stage<Network> made;
  return made;
}

EchoSpec to_far(std::uint32_t count) {
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(TestPair::kFar);
  spec.count = count;
  return spec;
}

double mean_round_trip(const EchoReport& report) {
  double sum = 0;
  for (const Echo& echo : report.echoes) sum += static_cast<double>(echo.reply->round_trip.count()) / 1000;
  return sum / static_cast<double>(report.echoes.size());
}

// ping prints its average in whole microseconds, cut off; the average of what it prints for each echo is finer.
std::optional<double> mean_of_times(const std::string& text) {
  const std::regex each("time=([0-9.]+) ms");
  double sum = 0;
  int count = 0;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), each); at != std::sregex_iterator(); ++at, ++count)
    sum += 1000 * std::stod((*at)[1]);
  return count == 0 ? std::nullopt : std::optional<double>(sum / count);
}

const test_support::Versus kRoundTrip(
    {.name = "round trip reported, 2 ms cadence",
     .peer_name = "ping -i 0.002",
     .unit = "us",
     .goal = 0.7,
     .stretch = std::nullopt,
     .rounds = 21,
     .ours = [] { return mean_round_trip(one_echo(stage<TestPair>().prober, to_far(300))); },
     .peer =
         [] {
           stage<TestPair>();
           return mean_of_times(output_in("near", {"ping", "-c", "300", "-i", "0.002", TestPair::kFar}));
         }});

// So many echoes a round that rounds are short: a machine's speed changes from one second to the next.
constexpr std::uint32_t kFlood = 20'000;
constexpr std::uint32_t kFloodWindow = 64;

// Echoes answered per second: kFlood of them, kFloodWindow in flight, by so many flows side by side.
double flood(std::uint32_t flows) {
  EchoSpec spec = to_far(kFlood / flows);
  spec.interval = microseconds(0);
  spec.window = kFloodWindow / flows;
  const std::vector<EchoSpec> specs(flows, spec);
  stage<TestPair>();
  const auto start = Clock::now();
  const auto reports = echo_in_lanes(test_socket, specs, flows);
  const double seconds = seconds_since(start);
  if (!reports) throw std::runtime_error(reports.error().message());
  for (const EchoReport& report : *reports) {
    if (report.answered() != report.spec.count) throw std::runtime_error("not every echo was answered");
  }
  return kFlood / seconds;
}

std::optional<double> ping_flood() {
  stage<TestPair>();
  const std::string text = output_in(
      "near", {"ping", "-q", "-f", "-l", std::to_string(kFloodWindow), "-c", std::to_string(kFlood), TestPair::kFar});
  const auto received = number_in(text, "([0-9]+) received");
  const auto milliseconds = number_in(text, "time ([0-9]+)ms");
  if (!received || !milliseconds || *milliseconds <= 0) return std::nullopt;
  return *received / *milliseconds * 1000;
}

const test_support::Versus kFloodInLanes({.name = "echoes answered per second, one target",
                                          .peer_name = "ping -f -l 64",
                                          .unit = "1/s",
                                          .goal = 1.2,
                                          .stretch = std::nullopt,
                                          .more_is_better = true,
                                          .rounds = 41,
                                          .ours = [] { return flood(2); },
                                          .peer = ping_flood});
const test_support::Versus kFloodInOne({.name = "echoes answered per second, one processor",
                                        .peer_name = "ping -f -l 64",
                                        .unit = "1/s",
                                        .goal = 1.0,
                                        .stretch = 1.2,
                                        .more_is_better = true,
                                        .rounds = 41,
                                        .ours = [] { return flood(1); },
                                        .peer = ping_flood});

// A bridge with 1,000 namespaces behind it; permanent neighbours, because the ARP table's limit is the whole machine's.
class Thousand {
 public:
  Thousand() {
    TestPair::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    TestPair::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    std::ofstream batch("/run/batch");
    batch << "link add br0 type bridge\naddr add 10.0.0.1/16 dev br0\nlink set br0 up\n";
    for (int index = 0; index < kCount; ++index) {
      namespaces_.push_back(std::make_unique<TestNamespace>(fmt::format("n{}", index)));
      batch << fmt::format(
          "link add v{0} index {1} address 02:00:00:00:{2:02x}:{3:02x} master br0 type veth peer name eth0 address "
          "02:00:00:01:{2:02x}:{3:02x} netns n{0}\nlink set v{0} up\n"
          "neigh replace {4} lladdr 02:00:00:01:{2:02x}:{3:02x} dev br0 nud permanent\n",
          index, 1000 + index, index / 256, index % 256, target(index));
    }
    batch.close();
    ip("-batch /run/batch");
    ip("link set br0 address 02:00:00:02:00:01");
    for (int index = 0; index < kCount; ++index) {
      std::ofstream inside("/run/batch");
      inside << fmt::format(
          "addr add {}/16 dev eth0\nlink set eth0 up\nneigh replace 10.0.0.1 lladdr 02:00:00:02:00:01 dev eth0 nud "
          "permanent\n",
          target(index));
      inside.close();
      ip(fmt::format("-n n{} -batch /run/batch", index));
    }
  }
  static constexpr int kCount = 1'000;
  static std::string target(int index) { return fmt::format("10.0.{}.{}", 1 + index / 250, 1 + index % 250); }

 private:
  std::vector<std::unique_ptr<TestNamespace>> namespaces_;
};

std::vector<EchoSpec> one_echo_each() {
  std::vector<EchoSpec> specs(Thousand::kCount);
  for (int index = 0; index < Thousand::kCount; ++index) {
    EchoSpec& spec = specs[static_cast<std::size_t>(index)];
    spec.destination = address(Thousand::target(index));
    spec.count = 1;
    spec.interval = microseconds(0);
  }
  return specs;
}

std::string file_of_targets() {
  std::ofstream list("/run/targets");
  for (int index = 0; index < Thousand::kCount; ++index) list << Thousand::target(index) << '\n';
  return "/run/targets";
}

// Everybody's answer. False when one is missing.
bool sweep(Prober& prober, const std::vector<EchoSpec>& specs) {
  const auto reports = prober.echo(specs);
  return reports &&
         std::all_of(reports->begin(), reports->end(), [](const EchoReport& report) { return report.answered() == 1; });
}

// The links of a thousand pairs come up one after the other: swept until everybody is there, before anything is timed.
bool settled() {
  static const bool all_answer = [] {
    const std::vector<EchoSpec> specs = one_echo_each();
    for (int tries = 0; tries < 20; ++tries) {
      if (sweep(stage<Thousand>().prober, specs)) return true;
    }
    return false;
  }();
  return all_answer;
}

const test_support::Versus kSweep({.name = "1,000 namespaces swept",
                                   .peer_name = "fping -i 0",
                                   .unit = "ms",
                                   .goal = 0.7,
                                   .stretch = std::nullopt,
                                   .rounds = 9,
                                   .ours = []() -> std::optional<double> {
                                     static const std::vector<EchoSpec> specs = one_echo_each();
                                     if (!settled()) return std::nullopt;
                                     bool all = false;
                                     const double time = test_support::milliseconds_of(
                                         [&] { all = sweep(stage<Thousand>().prober, specs); });
                                     return all ? std::optional<double>(time) : std::nullopt;
                                   },
                                   .peer = []() -> std::optional<double> {
                                     static const std::string targets = file_of_targets();
                                     if (!settled()) return std::nullopt;
                                     std::string text;
                                     const double time = test_support::milliseconds_of([&] {
                                       text = output_of({"fping", "-q", "-i", "0", "-c", "1", "-f", targets});
                                     });
                                     return number_in(text, "/(1)/0%") ? std::optional<double>(time) : std::nullopt;
                                   }});

// What one good probe costs: three echoes, two watched namespaces, sightings complete.
void GoodCase(benchmark::State& state) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(TestPair::kFar);
  spec.interval = microseconds(0);
  spec.watch = {"near", "far"};
  one_echo(prober, spec);
  for (auto _ : state) {
    if (one_echo(prober, spec).sightings.size() < 12) state.SkipWithError("sightings are missing");
  }
}
BENCHMARK(GoodCase)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace netns_lab::probe
