// What it costs to carry the model as JSON, and to compare two snapshots.
#include <benchmark/benchmark.h>

#include "harness/model/diff.h"
#include "harness/model/json.h"
#include "harness/model/json_support.h"
#include "harness/model/samples.h"

namespace netns_lab {
namespace {

// About what a node with one container holds: 3 links, 6 addresses, 20 routes, 6 rules in each of two namespaces.
Snapshot node_with_one_container() {
  Snapshot snapshot = samples::snapshot();
  for (NamespaceState& state : snapshot.namespaces) {
    for (unsigned i = 1; i < 3; ++i) {
      state.links.push_back(samples::link());
      state.links.back().name += std::to_string(i);
    }
    for (std::uint8_t i = 1; i < 6; ++i) {
      state.addresses.push_back(samples::interface_address());
      state.addresses.back().prefix.address = IpAddress::v4(10, 0, 0, i);
    }
    for (unsigned i = 1; i < 20; ++i) {
      state.routes.push_back(samples::route());
      state.routes.back().metric = i;
    }
    for (unsigned i = 1; i < 6; ++i) {
      state.rules.push_back(samples::rule());
      state.rules.back().priority = i;
    }
  }
  snapshot.pristine.reset();
  return snapshot;
}

void BM_SnapshotToText(benchmark::State& state) {
  const Snapshot snapshot = node_with_one_container();
  for (auto _ : state) benchmark::DoNotOptimize(dump_json(nlohmann::json(snapshot)));
}
BENCHMARK(BM_SnapshotToText)->Unit(benchmark::kMicrosecond);

void BM_SnapshotFromText(benchmark::State& state) {
  const std::string text = dump_json(nlohmann::json(node_with_one_container()));
  for (auto _ : state) {
    const Result<nlohmann::json> json = parse_json(text);
    benchmark::DoNotOptimize(json_to<Snapshot>(*json));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(BM_SnapshotFromText)->Unit(benchmark::kMicrosecond);

void BM_SnapshotDiff(benchmark::State& state) {
  const Snapshot before = node_with_one_container();
  Snapshot after = before;
  after.namespaces[0].routes.erase(after.namespaces[0].routes.begin());
  for (auto _ : state) benchmark::DoNotOptimize(diff(before, after));
}
BENCHMARK(BM_SnapshotDiff)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace netns_lab
