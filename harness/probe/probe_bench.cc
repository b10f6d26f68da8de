// Ours against ping and fping of this machine, in alternating rounds. Each figure prints a JSON line: the medians,
// their ratio, and what the ratio is to be.
#include <benchmark/benchmark.h>
#include <spawn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <regex>
#include <sstream>

#include "harness/probe/prober.h"
#include "harness/probe/test_network.h"

namespace netns_lab::probe {
namespace {

using std::chrono::microseconds;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

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

// The number in the first group of `pattern`; throws when there is none: then there is nothing to compare with.
double number_in(const std::string& text, const std::string& pattern) {
  std::smatch found;
  if (!std::regex_search(text, found, std::regex(pattern))) throw std::runtime_error("not understood: " + text);
  return std::stod(found[1]);
}

struct Figure {
  std::string name;
  std::string peer;
  std::string unit;
  double goal;  // ratio ours / peer; for rates at least, for times at most
  std::function<double()> measure_peer;
  std::function<double()> measure_ours;
};

void compare(benchmark::State& state, const Figure& figure, int rounds) {
  std::vector<double> peer;
  std::vector<double> ours;
  for (auto _ : state) {
    for (int round = 0; round < rounds; ++round) {
      peer.push_back(figure.measure_peer());
      ours.push_back(figure.measure_ours());
    }
  }
  const double ratio = median(ours) / median(peer);
  state.counters["peer"] = median(peer);
  state.counters["ours"] = median(ours);
  state.counters["ratio"] = ratio;
  std::printf(
      "{\"figure\":\"%s\",\"unit\":\"%s\",\"peer\":\"%s\",\"peer_value\":%.3f,\"ours\":%.3f,\"ratio\":%.3f,\"goal\":%."
      "3f}\n",
      figure.name.c_str(), figure.unit.c_str(), figure.peer.c_str(), median(peer), median(ours), ratio, figure.goal);
}

EchoReport one_echo(Prober& prober, const EchoSpec& spec) {
  auto reports = prober.echo(std::span(&spec, 1));
  if (!reports) throw std::runtime_error(reports.error().message());
  if (reports->front().answered() != spec.count) throw std::runtime_error("not every echo was answered");
  return std::move(reports->front());
}

void RoundTrip(benchmark::State& state) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(TestPair::kFar);
  spec.count = 300;
  compare(state,
          {.name = "round trip at 2 ms cadence",
           .peer = "ping -i 0.002",
           .unit = "us",
           .goal = 0.7,
           .measure_peer =
               [] {
                 return 1000 * number_in(output_in("near", {"ping", "-q", "-c", "300", "-i", "0.002", TestPair::kFar}),
                                         "rtt min/avg/max/mdev = [0-9.]+/([0-9.]+)/");
               },
           .measure_ours =
               [&] {
                 std::vector<double> trips;
                 for (const Echo& echo : one_echo(prober, spec).echoes) {
                   trips.push_back(static_cast<double>(echo.reply->round_trip.count()) / 1000);
                 }
                 double sum = 0;
                 for (const double trip : trips) sum += trip;
                 return sum / static_cast<double>(trips.size());
               }},
          7);
}
BENCHMARK(RoundTrip)->Iterations(1)->Unit(benchmark::kMillisecond);

void Flood(benchmark::State& state) {
  const TestPair pair;
  Prober prober(test_socket);
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(TestPair::kFar);
  spec.interval = microseconds(0);
  spec.count = 60'000;
  compare(state,
          {.name = "echoes answered per second, one target",
           .peer = "ping -f -l 64",
           .unit = "1/s",
           .goal = 1.2,
           .measure_peer =
               [] {
                 const std::string text =
                     output_in("near", {"ping", "-q", "-f", "-l", "64", "-c", "60000", TestPair::kFar});
                 return number_in(text, "([0-9]+) received") / number_in(text, "time ([0-9]+)ms") * 1000;
               },
           .measure_ours =
               [&] {
                 const auto start = Clock::now();
                 one_echo(prober, spec);
                 return spec.count / seconds_since(start);
               }},
          9);
}
BENCHMARK(Flood)->Iterations(1)->Unit(benchmark::kMillisecond);

// A bridge with 1,000 namespaces behind it; permanent neighbours, because the ARP table's limit is the whole machine's.
class Thousand {
 public:
  Thousand() {
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

void Sweep(benchmark::State& state) {
  TestPair::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
  TestPair::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
  const Thousand thousand;
  Prober prober(test_socket);
  std::vector<EchoSpec> specs(Thousand::kCount);
  std::ofstream list("/run/targets");
  for (int index = 0; index < Thousand::kCount; ++index) {
    EchoSpec& spec = specs[static_cast<std::size_t>(index)];
    spec.destination = address(Thousand::target(index));
    spec.count = 1;
    spec.interval = microseconds(0);
    list << Thousand::target(index) << '\n';
  }
  list.close();
  compare(state,
          {.name = "1000 namespaces swept",
           .peer = "fping -i 0",
           .unit = "ms",
           .goal = 0.7,
           .measure_peer =
               [] {
                 const auto start = Clock::now();
                 const std::string text = output_of({"fping", "-q", "-i", "0", "-c", "1", "-f", "/run/targets"});
                 const double time = 1000 * seconds_since(start);
                 number_in(text, "/(1)/0%");
                 return time;
               },
           .measure_ours =
               [&] {
                 const auto start = Clock::now();
                 const auto reports = prober.echo(specs);
                 const double time = 1000 * seconds_since(start);
                 for (const EchoReport& report : reports.value()) {
                   if (report.answered() != 1) throw std::runtime_error("not every namespace answered");
                 }
                 return time;
               }},
          9);
}
BENCHMARK(Sweep)->Iterations(1)->Unit(benchmark::kMillisecond);

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
