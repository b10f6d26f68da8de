#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

#include "harness/test_support/private_namespaces.h"

int main(int argc, char** argv) {
  const std::string problem = netns_lab::test_support::enter_private_namespaces();
  if (!problem.empty()) {
    std::fprintf(stderr, "%s\n", problem.c_str());
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
