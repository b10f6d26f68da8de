// Round trips to an agent, over a socket pair: what each request of a test costs besides the work itself.
#include <benchmark/benchmark.h>

#include <stdexcept>
#include <thread>

#include "harness/node/agent.h"
#include "harness/node/agent_fixture.h"
#include "harness/node/part_1.h"

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
  void build() { must(tester().ask(protocol::ApplyRequest{.changes = part_1()})); }

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
