// The claims about how the bridge and its ports are set, for a scenario whose other claims are those of what is
// declared (suites/common/declared_cases.h).
#pragma once

#include "suites/bridge/settings.h"
#include "suites/common/declared_cases.h"

#define NETNS_LAB_BRIDGE_SETTINGS(fixture, scenario)                                   \
  NETNS_LAB_CLAIM(fixture, PortsAreSetAsTheKernelMakesThem, scenario ".port-settings", \
                  for (const std::string& finding                                      \
                       : bridge::port_findings(*state(""))) ADD_FAILURE()              \
                      << finding);                                                     \
  NETNS_LAB_CLAIM(fixture, BridgeIsSetAsTheKernelMakesIt, scenario ".bridge-settings", \
                  for (const std::string& finding                                      \
                       : bridge::bridge_findings(*state(""))) ADD_FAILURE()            \
                      << finding)
