// Round trips to an agent, over a socket pair: what each request of a test costs besides the work itself.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>
#include <thread>

#include "harness/node/agent.h"
#include "harness/node/agent_fixture.h"
#include "harness/node/part_1.h"
#include "harness/node/sandbox.h"
#include "harness/test_support/versus.h"

namespace netns_lab::node {
namespace {

class RunningAgent {
 public:
  RunningAgent() {
    auto [near, far] = stream_pair();
    tester_.emplace(std::move(near));
    AgentContext context;
    context.provider = "sandbox";
    context.node = "node-1";
    thread_ = std::thread(
        [context, stream = std::make_shared<UniqueFd>(std::move(far))] { serve_stream(context, std::move(*stream)); });
    must(tester().ask(protocol::HelloRequest{.build = build_id()}));
  }
  ~RunningAgent() {
    tester_.reset();
    thread_.join();
  }
  Tester& tester() { return *tester_; }

  template <typename T>
  static void must(const Result<T>& result) {
    if (!result) throw std::runtime_error(result.error().message());
  }
  void build() { apply(part_1()); }
  void apply(std::vector<Change> changes) { must(tester().ask(protocol::ApplyRequest{.changes = std::move(changes)})); }

 private:
  std::optional<Tester> tester_;
  std::thread thread_;
};

void Hello(benchmark::State& state) {
  RunningAgent agent;
  for (auto _ : state) RunningAgent::must(agent.tester().ask(protocol::HelloRequest{.build = build_id()}));
}
BENCHMARK(Hello)->UseRealTime();

void Apply(benchmark::State& state) {
  RunningAgent agent;
  for (auto _ : state) RunningAgent::must(agent.tester().ask(protocol::ApplyRequest()));
}
BENCHMARK(Apply)->UseRealTime();

void Lookup(benchmark::State& state) {
  RunningAgent agent;
  agent.build();
  RouteQuery query;
  query.destination = IpAddress::v4(10, 200, 1, 1);
  for (auto _ : state) RunningAgent::must(agent.tester().ask(protocol::LookupRequest{.queries = {query}}));
}
BENCHMARK(Lookup)->UseRealTime();

void SnapshotOfPart1(benchmark::State& state) {
  RunningAgent agent;
  agent.build();
  protocol::SnapshotRequest request;
  request.options.processes = state.range(0) != 0;
  for (auto _ : state) RunningAgent::must(agent.tester().ask(request));
}
BENCHMARK(SnapshotOfPart1)->ArgName("processes")->Arg(0)->Arg(1)->UseRealTime();

// The agent of a sandbox, which sees no process and no file but its node's.
class SandboxAgent {
 public:
  SandboxAgent() : lab_(start()) {
    tester_.emplace(std::move(lab_.node));
    RunningAgent::must(tester_->ask(protocol::HelloRequest{.build = build_id()}));
  }
  Tester& tester() { return *tester_; }
  void apply(std::vector<Change> changes) {
    RunningAgent::must(tester().ask(protocol::ApplyRequest{.changes = std::move(changes)}));
  }

 private:
  static SandboxStreams start() {
    SandboxSpec spec;
    spec.node_agent = serve_stream;
    spec.outside_agent = serve_stream;
    auto lab = start_sandbox(spec);
    if (!lab) throw std::runtime_error(lab.error().message());
    return *std::move(lab);
  }
  SandboxStreams lab_;
  std::optional<Tester> tester_;
};

// What a tester waits for when it asks for a snapshot, and has read the answer. The first is not counted: an agent
// learns then what it need not read again.
std::optional<double> milliseconds_of_a_snapshot(SandboxAgent& agent, const SnapshotOptions& options,
                                                 std::size_t namespaces, int rounds) {
  protocol::SnapshotRequest request;
  request.options = options;
  std::vector<double> times;
  for (int round = 0; round <= rounds; ++round) {
    bool is_whole = false;
    const double milliseconds = test_support::milliseconds_of([&] {
      const auto snapshot = agent.tester().ask(request);
      is_whole = snapshot && snapshot->namespaces.size() == namespaces;
    });
    if (!is_whole) return std::nullopt;
    if (round > 0) times.push_back(milliseconds);
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

// As a suite looks at a node: before anything is done on it, then to judge it.
std::optional<double> snapshot_of_part_1(bool all_sysctls) {
  SandboxAgent agent;
  SnapshotOptions options;
  options.all_sysctls = all_sysctls;
  if (!milliseconds_of_a_snapshot(agent, options, 1, 1)) return std::nullopt;
  agent.apply(part_1());
  options.pristine = true;
  constexpr std::size_t kNamespaces = 2;  // the node and the container
  return milliseconds_of_a_snapshot(agent, options, kNamespaces, 15);
}

// On a bridge, as part 2 has two: everything but sysctls.
std::optional<double> snapshot_of_containers(std::size_t containers) {
  SandboxAgent agent;
  std::vector<Change> changes = {CreateLink{"", "br0", "bridge"}, raised("", "br0")};
  for (std::size_t i = 0; i < containers; ++i) {
    const std::string name = fmt::format("c{}", i);
    CreateVeth pair = pair_of(fmt::format("port{}", i), name, "eth0");
    pair.master = "br0";
    pair.up = true;
    changes.insert(changes.end(), {CreateNamespace{name}, pair, raised(name, "lo"),
                                   address_on(name, "eth0", fmt::format("10.0.{}.{}/16", i / 250, i % 250 + 2)),
                                   raised(name, "eth0"), AddRoute{name, default_route("10.0.255.254", "eth0")}});
  }
  agent.apply(std::move(changes));
  return milliseconds_of_a_snapshot(agent, {}, containers + 1, 5);
}

const test_support::Versus kSnapshot(test_support::without_peer("snapshot of part 1", "ms", 10, 5,
                                                                [] { return snapshot_of_part_1(false); }));
const test_support::Versus kSnapshotOfAll(test_support::without_peer("snapshot of part 1, all sysctls", "ms", 10, 5,
                                                                     [] { return snapshot_of_part_1(true); }));
const test_support::Versus kSnapshotOfMany(test_support::without_peer("snapshot of 1,000 containers", "ms", 500, 1,
                                                                      [] { return snapshot_of_containers(1'000); }));

void SnapshotWithPristine(benchmark::State& state) {
  RunningAgent agent;
  agent.build();
  protocol::SnapshotRequest request;
  request.options.pristine = true;
  request.options.processes = false;
  for (auto _ : state) RunningAgent::must(agent.tester().ask(request));
}
BENCHMARK(SnapshotWithPristine)->UseRealTime();

void Probe(benchmark::State& state) {
  RunningAgent agent;
  agent.build();
  SetLink up;
  up.name = "lo";
  up.up = true;
  RunningAgent::must(agent.tester().ask(protocol::ApplyRequest{.changes = {up}}));
  EchoSpec spec;
  spec.destination = IpAddress::v4(127, 0, 0, 1);
  spec.interval = std::chrono::microseconds(0);
  protocol::ProbeRequest request;
  request.echoes = {spec};
  for (auto _ : state) RunningAgent::must(agent.tester().ask(request));
}
BENCHMARK(Probe)->UseRealTime();

}  // namespace
}  // namespace netns_lab::node
