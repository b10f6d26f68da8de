// main() of every benchmark binary. `--versus [WORD]` runs the comparisons with peers (those whose name holds WORD) and
// prints a row each; without it, Google Benchmark's options hold. Both run in throw-away namespaces.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "harness/test_support/private_namespaces.h"
#include "harness/test_support/versus.h"

int main(int argc, char** argv) {
  const std::string problem = netns_lab::test_support::enter_private_namespaces();
  if (!problem.empty()) {
    std::fprintf(stderr, "%s\n", problem.c_str());
    return 1;
  }
  if (argc > 1 && std::strcmp(argv[1], "--versus") == 0) {
    return netns_lab::test_support::run_comparisons(argc > 2 ? argv[2] : "");
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
