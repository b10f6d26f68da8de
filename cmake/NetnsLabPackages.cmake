# Everything here is a Debian package; ci/bootstrap installs them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(tl-expected REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
pkg_check_modules(LIBMNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(PUGIXML REQUIRED IMPORTED_TARGET pugixml)

# The main() of every unit-test binary: it moves into throw-away user, network and mount namespaces first, so that no test
# can touch, or be touched by, the machine it runs on.
add_library(netns_lab_test_main STATIC "${PROJECT_SOURCE_DIR}/harness/test_support/test_main.cc"
                                       "${PROJECT_SOURCE_DIR}/harness/test_support/private_namespaces.cc")
target_include_directories(netns_lab_test_main PUBLIC "${PROJECT_SOURCE_DIR}")
target_link_libraries(netns_lab_test_main PUBLIC netns_lab_options netns_lab::netns GTest::gtest GTest::gmock)
target_compile_options(netns_lab_test_main PRIVATE $<$<CONFIG:Release>:-O0> ${NETNS_LAB_PRECOMPILED_HEADER_OPTIONS})  # as all tests, which share this header
target_precompile_headers(netns_lab_test_main PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
if(NETNS_LAB_BENCH)
  find_package(benchmark REQUIRED)
  add_custom_target(benchmarks)  # every NAME_bench; not part of `all`
  add_library(netns_lab_bench_main STATIC "${PROJECT_SOURCE_DIR}/harness/test_support/bench_main.cc"
                                          "${PROJECT_SOURCE_DIR}/harness/test_support/versus.cc"
                                          "${PROJECT_SOURCE_DIR}/harness/test_support/private_namespaces.cc")
  target_include_directories(netns_lab_bench_main PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(netns_lab_bench_main PUBLIC netns_lab_options netns_lab::netns benchmark::benchmark)
endif()
