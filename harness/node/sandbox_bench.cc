// A fresh node: FACTS say that `unshare` with a shell takes 53-61 ms for less.
#include <benchmark/benchmark.h>
#include <sys/socket.h>

#include "harness/node/sandbox.h"

namespace netns_lab::node {
namespace {

// The least an agent can be: there until its stream ends.
int wait_for_end(const AgentContext&, UniqueFd stream) {
  char byte = 0;
  while (::recv(stream.get(), &byte, 1, 0) > 0) {
  }
  return 0;
}

void StartSandbox(benchmark::State& state) {
  SandboxSpec spec;
  spec.node_agent = wait_for_end;
  spec.outside_agent = wait_for_end;
  for (auto _ : state) {
    auto lab = start_sandbox(spec);
    if (!lab) {
      state.SkipWithError(lab.error().message().c_str());
      break;
    }
    state.PauseTiming();
    { const SandboxStreams gone = *std::move(lab); }
    state.ResumeTiming();
  }
}
BENCHMARK(StartSandbox)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(50);

void StartAndEndSandbox(benchmark::State& state) {
  SandboxSpec spec;
  spec.node_agent = wait_for_end;
  spec.outside_agent = wait_for_end;
  for (auto _ : state) {
    auto lab = start_sandbox(spec);
    if (!lab) {
      state.SkipWithError(lab.error().message().c_str());
      break;
    }
  }
}
BENCHMARK(StartAndEndSandbox)->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(50);

}  // namespace
}  // namespace netns_lab::node
