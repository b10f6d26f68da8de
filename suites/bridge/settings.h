// How the kernel sets up bridges and ports that nobody changed (br_dev_setup, net/bridge/br_device.c; new_nbp,
// net/bridge/br_if.c).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/model/link.h"
#include "harness/model/snapshot.h"

namespace netns_lab::bridge {

// BR_STATE_* of linux/if_bridge.h.
inline constexpr std::uint32_t kForwarding = 3;
std::string port_state_text(std::uint32_t state);  // "blocking"

struct ExpectedSetting {
  std::string name;  // as in ip-link(8)
  std::uint32_t value = 0;
  bool always_told = true;  // false: older kernels have no such setting
};
// But for the state, which is a claim of its own.
const std::vector<ExpectedSetting>& port_defaults();
const std::vector<ExpectedSetting>& bridge_defaults();

// A line for each that differs, or that the kernel does not tell and should.
std::vector<std::string> setting_findings(const BridgeSettings& settings, const std::vector<ExpectedSetting>& expected);

// The same of the bridge (scenario.h) of a node, with its name: "br0: stp_state is 1, not 0"; and of its ports, which
// may be hairpins (CNI bridge plugin, hairpinMode; Docker without its proxy).
std::vector<std::string> bridge_findings(const NamespaceState& node);
std::vector<std::string> port_findings(const NamespaceState& node);

}  // namespace netns_lab::bridge
