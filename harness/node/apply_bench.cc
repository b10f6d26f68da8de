// Setting up part 1 of the series, and reading it, against the tools people use. What the last iteration left is gone
// before the next one starts (its host end's RTM_DELLINK has come) and none of that is counted: namespaces are reaped
// by the kernel later, and would pile up.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/netns/named.h"
#include "harness/node/apply.h"
#include "harness/node/await_state.h"
#include "harness/node/network_state.h"
#include "harness/node/part_1.h"
#include "harness/test_support/versus.h"

namespace netns_lab::node {
namespace {

using test_support::milliseconds_of;
using test_support::run_quietly;
using Argv = std::vector<std::string>;

template <typename T>
void demand(const Result<T>& result) {
  if (!result) throw std::runtime_error(result.error().message());
}

NetworkHandles& handles() {
  static NetworkHandles made = [] {
    auto created = NetworkHandles::create().value();
    demand(apply_changes(created, {CreateLink{"", "uplink0", "bridge"}}));
    return created;
  }();
  return made;
}

void tear_down() {
  demand(unname_namespace("/run/netns", "netns1"));
  protocol::AwaitRequest gone;
  gone.links = {{"", "veth1", false, false}};
  demand(await_state(handles(), gone, Deadline::after(std::chrono::seconds(10))));
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The median of some set-ups, each on a node without traces of the last.
std::optional<double> set_ups(int count, const std::function<bool()>& set_up) {
  handles();
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    bool done = false;
    times.push_back(milliseconds_of([&] { done = set_up(); }));
    if (!done) return std::nullopt;
    tear_down();
  }
  return median(times);
}

std::optional<double> native() {
  return set_ups(5, [] {
    demand(apply_changes(handles(), single_namespace()));
    return true;
  });
}

std::string batch_file(const std::string& path, const std::string& lines) {
  std::ofstream(path) << lines;
  return path;
}

std::optional<double> run_all(int set_ups_a_round, const std::vector<Argv>& commands) {
  return set_ups(set_ups_a_round, [&commands] {
    return std::all_of(commands.begin(), commands.end(), [](const Argv& one) { return run_quietly(one) == 0; });
  });
}

std::string inside_batch() {
  return batch_file("/run/inside.batch",
                    "address add 10.200.1.1/32 dev veth2\n"
                    "link set lo up\n"
                    "link set veth2 up\n"
                    "route add default via 10.200.1.1 dev veth2\n");
}

// As one writes it: the namespace, a batch on the node, a batch inside.
std::optional<double> ip_batch() {
  const std::string outside = batch_file("/run/outside.batch",
                                         "link add veth1 type veth peer name veth2 netns netns1\n"
                                         "link set veth1 up\n"
                                         "route add 10.200.1.1/32 dev veth1\n");
  return run_all(3, {{"ip", "netns", "add", "netns1"},
                     {"ip", "-batch", outside},
                     {"ip", "netns", "exec", "netns1", "ip", "-batch", inside_batch()}});
}

std::optional<double> two_batches(const std::string& outside) {
  return run_all(3, {{"ip", "-batch", batch_file("/run/outside.batch", outside)},
                     {"ip", "-n", "netns1", "-batch", inside_batch()}});
}

// As quick as it can be: the namespace is a line of the batch, and nothing is started inside it.
std::optional<double> quickest_ip_batch() {
  return two_batches(
      "netns add netns1\n"
      "link add veth1 type veth peer name veth2 netns netns1\n"
      "link set veth1 up\n"
      "route add 10.200.1.1/32 dev veth1\n");
}

// What the tutorial types: both ends are made in the node, then one is moved.
std::optional<double> ip_batch_of_the_tutorial() {
  return two_batches(
      "netns add netns1\n"
      "link add veth1 type veth peer name veth2\n"
      "link set veth2 netns netns1\n"
      "link set veth1 up\n"
      "route add 10.200.1.1/32 dev veth1\n");
}

std::optional<double> ip_per_step() {
  return run_all(
      1, {{"ip", "netns", "add", "netns1"},
          {"ip", "link", "add", "veth1", "type", "veth", "peer", "name", "veth2"},
          {"ip", "link", "set", "veth2", "netns", "netns1"},
          {"ip", "netns", "exec", "netns1", "ip", "address", "add", "10.200.1.1/32", "dev", "veth2"},
          {"ip", "netns", "exec", "netns1", "ip", "link", "set", "lo", "up"},
          {"ip", "link", "set", "veth1", "up"},
          {"ip", "netns", "exec", "netns1", "ip", "link", "set", "veth2", "up"},
          {"ip", "route", "add", "10.200.1.1/32", "dev", "veth1"},
          {"ip", "netns", "exec", "netns1", "ip", "route", "add", "default", "via", "10.200.1.1", "dev", "veth2"}});
}

// vishvananda/netlink (Debian: golang-github-vishvananda-netlink-dev), at its best: one process, sockets kept, the peer
// placed by the creation.
class GoPeer {
 public:
  static bool available() { return run_quietly({"go", "version"}) == 0 && std::ifstream(kSource).good(); }
  static std::optional<double> measure() {
    static const bool built = [] {
      ::setenv("GO111MODULE", "off", 1);
      ::setenv("GOPATH", "/usr/share/gocode", 1);
      ::setenv("GOCACHE", "/run/go-cache", 1);
      ::setenv("GOFLAGS", "", 1);
      return run_quietly({"go", "build", "-o", "/run/go-peer", kSource}) == 0;
    }();
    handles();
    if (!built || run_quietly({"/run/go-peer", "5", "/run/go-peer.result"}) != 0) return std::nullopt;
    double milliseconds = 0;
    if (!(std::ifstream("/run/go-peer.result") >> milliseconds)) return std::nullopt;
    return milliseconds;
  }

 private:
  static constexpr auto kSource = "ci/peers/go-netlink.go";
};

const test_support::Versus kBatch({.name = "set up part 1",
                                   .peer_name = "ip -batch",
                                   .unit = "ms",
                                   .goal = 1.0 / 6,
                                   .stretch = std::nullopt,
                                   .rounds = 15,
                                   .ours = native,
                                   .peer = ip_batch});
const test_support::Versus kQuickestBatch({.name = "set up part 1, against the quickest batch",
                                           .peer_name = "ip -batch, all in two",
                                           .unit = "ms",
                                           .goal = 1.0 / 6,
                                           .stretch = std::nullopt,
                                           .ours = native,
                                           .peer = quickest_ip_batch});
const test_support::Versus kTutorialBatch({.name = "set up part 1, the tutorial's steps as a batch",
                                           .peer_name = "ip -batch: made, then moved",
                                           .unit = "ms",
                                           .goal = 1.0 / 6,
                                           .stretch = std::nullopt,
                                           .rounds = 9,
                                           .ours = native,
                                           .peer = ip_batch_of_the_tutorial});
const test_support::Versus kSteps({.name = "set up part 1, step by step",
                                   .peer_name = "one ip per step",
                                   .unit = "ms",
                                   .goal = 1.0 / 40,
                                   .stretch = std::nullopt,
                                   .rounds = 21,
                                   .ours = native,
                                   .peer = ip_per_step});
const test_support::Versus kGo({.name = "set up part 1, in one process",
                                .peer_name = "Go vishvananda/netlink",
                                .unit = "ms",
                                .goal = 1.0,
                                .stretch = 0.65,
                                .ours = native,
                                .peer = GoPeer::measure,
                                .peer_is_missing = [] {
                                  return GoPeer::available()
                                             ? ""
                                             : "apt-get install golang-go golang-github-vishvananda-netlink-dev";
                                }});

void BM_SetUpPart1(benchmark::State& state) {
  handles();
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    demand(apply_changes(handles(), single_namespace()));
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    tear_down();
  }
}
BENCHMARK(BM_SetUpPart1)->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(100);

void BM_CreateNamespace(benchmark::State& state) {
  handles();
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    demand(apply_changes(handles(), {CreateNamespace{"netns1"}}));
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    demand(unname_namespace("/run/netns", "netns1"));
  }
}
BENCHMARK(BM_CreateNamespace)->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(100);

void BM_ReadBothNamespaces(benchmark::State& state) {
  handles();
  demand(apply_changes(handles(), single_namespace()));
  SnapshotOptions options;
  options.all_sysctls = state.range(0) != 0;
  for (auto _ : state) benchmark::DoNotOptimize(read_network_states(handles(), {"netns1"}, options).value());
  tear_down();
}
BENCHMARK(BM_ReadBothNamespaces)->ArgName("all_sysctls")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace netns_lab::node
