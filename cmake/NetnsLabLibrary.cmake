# netns_lab_library(NAME [PUBLIC dep...] [PRIVATE dep...] [WAITING pattern])
#
# One folder (harness/NAME, or NAME at the top) becomes the static library netns_lab::NAME. Files are found by their names:
#   x.cc        the library
#   x_test.cc   one test binary per folder, NAME_test, each test known to ctest by its own name
#   x_vm_test.cc one more test binary per folder, NAME_vm_test: tests that boot virtual machines, one ctest (label vm) for all of them
#   x_under_test.cc  what both kinds of tests share
#   x_bench.cc  one benchmark binary per folder, NAME_bench
#   x_fuzz.cc   one fuzzer per file, NAME_x_fuzz (preset fuzz)
# Sub-folders belong to the folder. `make test` runs as many as the processors bear; of those whose names match WAITING, which mostly wait for what
# does not come, twice as many.
include(GoogleTest)

function(netns_lab_library name)
  cmake_parse_arguments(arg "" "WAITING" "PUBLIC;PRIVATE" ${ARGN})
  if(IS_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/harness/${name}")
    set(folder "${CMAKE_CURRENT_SOURCE_DIR}/harness/${name}")
  else()
    set(folder "${CMAKE_CURRENT_SOURCE_DIR}/${name}")
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.cc")
  set(tests ${sources})
  set(benches ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(vm_tests ${tests})
  set(shared_by_tests ${tests})
  list(FILTER tests EXCLUDE REGEX "_vm_test\\.cc$")
  list(FILTER vm_tests INCLUDE REGEX "_vm_test\\.cc$")
  list(FILTER shared_by_tests INCLUDE REGEX "_under_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|bench|fuzz)\\.cc$")

  # Headers alone, which no installed header includes: whoever links the installed archives need not have them.
  set(arg_LINKED ${arg_PUBLIC})
  set(arg_LINKED_PRIVATE ${arg_PRIVATE})
  foreach(list arg_LINKED arg_LINKED_PRIVATE)
    list(TRANSFORM ${list} REPLACE "^(Boost::boost|CLI11::CLI11|nlohmann_json::nlohmann_json)$" "$<BUILD_INTERFACE:\\1>")
  endforeach()

  set(library netns_lab_${name})
  if(sources)
    add_library(${library} STATIC ${sources})
    target_include_directories(${library} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
    target_link_libraries(${library} PUBLIC ${arg_LINKED} PRIVATE ${arg_LINKED_PRIVATE} $<BUILD_INTERFACE:netns_lab_options>)
  else()
    add_library(${library} INTERFACE)
    target_include_directories(${library} INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
    target_link_libraries(${library} INTERFACE ${arg_LINKED})
  endif()
  add_library(netns_lab::${name} ALIAS ${library})

  if(tests AND NETNS_LAB_TESTS)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE netns_lab::${name} netns_lab_test_main netns_lab_options ${arg_PRIVATE})
    target_compile_options(${name}_test PRIVATE $<$<CONFIG:Release>:-O0> ${NETNS_LAB_PRECOMPILED_HEADER_OPTIONS})  # compiled once, run once
    target_precompile_headers(${name}_test REUSE_FROM netns_lab_test_main)
    set(discovery TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60)
    if(arg_WAITING)
      gtest_discover_tests(${name}_test ${discovery} TEST_FILTER "-${arg_WAITING}" TEST_LIST ${name}_working PROPERTIES TIMEOUT 120 PROCESSORS 2)
      gtest_discover_tests(${name}_test ${discovery} TEST_FILTER "${arg_WAITING}" TEST_LIST ${name}_waiting PROPERTIES TIMEOUT 120)
    else()
      gtest_discover_tests(${name}_test ${discovery} PROPERTIES TIMEOUT 120 PROCESSORS 2)
    endif()
  endif()
  if(vm_tests AND NETNS_LAB_TESTS)
    add_executable(${name}_vm_test ${vm_tests} ${shared_by_tests})
    target_link_libraries(${name}_vm_test PRIVATE netns_lab::${name} netns_lab_test_main netns_lab_options ${arg_PRIVATE})
    target_compile_options(${name}_vm_test PRIVATE $<$<CONFIG:Release>:-O0> ${NETNS_LAB_PRECOMPILED_HEADER_OPTIONS})
    target_precompile_headers(${name}_vm_test REUSE_FROM netns_lab_test_main)
    # One at a time: a machine without hardware acceleration keeps two processors busy. Begun first: they take longest.
    add_test(NAME ${name}.vm COMMAND ${name}_vm_test)
    set_tests_properties(${name}.vm PROPERTIES LABELS vm TIMEOUT 1800 RESOURCE_LOCK vm COST 1000 PROCESSORS 2
                         SKIP_REGULAR_EXPRESSION "PASSED  \\] 0 tests\\.[\r\n]+\\[  SKIPPED")  # all of them, never some
  endif()
  if(benches AND NETNS_LAB_BENCH)
    add_executable(${name}_bench EXCLUDE_FROM_ALL ${benches})
    add_dependencies(benchmarks ${name}_bench)
    target_link_libraries(${name}_bench PRIVATE netns_lab::${name} netns_lab_bench_main netns_lab_options ${arg_PRIVATE})
  endif()
  if(NETNS_LAB_FUZZ)
    foreach(source ${fuzzers})
      get_filename_component(stem "${source}" NAME_WE)
      add_executable(${name}_${stem} ${source})
      target_link_libraries(${name}_${stem} PRIVATE netns_lab::${name} netns_lab_options -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()
