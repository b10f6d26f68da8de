# Compiler settings shared by every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)

set(NETNS_LAB_SANITIZE "" CACHE STRING "Sanitizers for every target, as -fsanitize takes them (address,undefined or thread)")
option(NETNS_LAB_FUZZ "Build the fuzzers (needs clang)" OFF)
option(NETNS_LAB_TESTS "Build unit tests" ON)
option(NETNS_LAB_BENCH "Build benchmarks" ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

find_program(NETNS_LAB_CCACHE ccache)
if(NETNS_LAB_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Files that use a precompiled header are kept only with these (ccache(1), PRECOMPILED HEADERS).
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${NETNS_LAB_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(NETNS_LAB_PRECOMPILED_HEADER_OPTIONS -fpch-preprocess)
  endif()
endif()

add_library(netns_lab_options INTERFACE)
target_compile_options(netns_lab_options INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align
  -fno-omit-frame-pointer)
target_link_options(netns_lab_options INTERFACE -Wl,--build-id=sha1)  # harness/base/build_id.h
# g++ 12 sees overlapping copies in std::string's operator+ that are not there (gcc.gnu.org PR105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(netns_lab_options INTERFACE "$<$<NOT:$<CONFIG:Debug>>:-Wno-restrict>")
endif()
if(NETNS_LAB_SANITIZE)
  target_compile_options(netns_lab_options INTERFACE -fsanitize=${NETNS_LAB_SANITIZE} -fno-sanitize-recover=all -g)
  target_link_options(netns_lab_options INTERFACE -fsanitize=${NETNS_LAB_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The checks it adds look to g++ like paths on which nothing was initialized (its manual, -fsanitize).
    target_compile_options(netns_lab_options INTERFACE -Wno-maybe-uninitialized)
  endif()
  if(NETNS_LAB_SANITIZE STREQUAL "thread")
    # Boost.Asio's bare fences are what the sanitizer cannot follow, and g++ refuses them; its mutexes it can.
    target_compile_definitions(netns_lab_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()
if(NETNS_LAB_FUZZ)
  target_compile_options(netns_lab_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
