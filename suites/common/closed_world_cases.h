// The cases of the closed world that every scenario has: nothing that nobody declared, an area each.
//
//   NETNS_LAB_CLOSED_WORLD(Bridge, "bridge");   // Bridge.NoOtherLinks judges bridge.no-other-links, …
//
// On each node of the scenario. Neighbour entries are a case of the suite's own: who may know whom is up to the
// scenario.
#pragma once

#include "harness/testing/matchers.h"

#define NETNS_LAB_NOTHING_UNDECLARED(fixture, name, id, area) \
  TEST_P(fixture, name) {                                     \
    REQUIREMENT(id);                                          \
    on_each_node([this] { judge_undeclared(Area::area); });   \
  }

#define NETNS_LAB_CLOSED_WORLD(fixture, scenario)                                                                     \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoOtherLinks, scenario ".no-other-links", kLinks)                             \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoOtherAddresses, scenario ".no-other-addresses", kAddresses)                 \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoOtherRoutes, scenario ".no-other-routes", kRoutes)                          \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoOtherRules, scenario ".no-other-rules", kRules)                             \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoChangedSysctls, scenario ".no-other-sysctls", kSysctls)                     \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoPacketFilters, scenario ".no-other-packet-filters", kPacketFilters)         \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoQueueingDisciplines, scenario ".no-other-qdiscs", kQdiscs)                  \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoOtherSockets, scenario ".no-other-sockets", kSockets)                       \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoOtherNamespaces, scenario ".no-other-namespaces", kNamespaces)              \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoFilesLeft, scenario ".no-other-files", kFiles)                              \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoOtherMounts, scenario ".no-other-mounts", kMounts)                          \
  NETNS_LAB_NOTHING_UNDECLARED(fixture, NoOtherHostName, scenario ".no-other-host-name", kHostName)                   \
  TEST_P(fixture, NoProcessesLeft) {                                                                                  \
    REQUIREMENT(scenario ".no-other-processes");                                                                      \
    on_each_node([this] {                                                                                             \
      EXPECT_FALSE(build_outcome().processes_left) << "killed by the harness: " << build_outcome().failure;           \
      if (after().processes_hidden && !HasFailure()) GTEST_SKIP() << "this node's /proc does not show its processes"; \
      judge_undeclared(Area::kProcesses);                                                                             \
    });                                                                                                               \
  }                                                                                                                   \
  static_assert(true, "a semicolon may follow")
