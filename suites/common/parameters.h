// Parameters that several scenarios have: what can be the name of a container's namespace, and what its address.
// Whatever cannot is kInvalid, in one line that names the parameter, what is wrong with it and what to give.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/model/scenario.h"

namespace netns_lab::suites {

// kInvalid when it has no value.
Result<std::string> parameter_value(const Parameters& parameters, const std::string& name);

// "parameter CON="netns1"": how an error names a parameter; of one line, whatever the value.
std::string parameter_text(const std::string& name, const std::string& value);

// A name that `ip netns add` takes.
Result<std::string> namespace_name(const Parameters& parameters, const std::string& name);

// Bytes that a packet of that family may have on the containers' links: IPv4 576 to 65,535 (RFC 791: every host takes
// 576), IPv6 1,280 to 65,535 (RFC 8200, 5). kEthernetMtu where the scenario has no such parameter.
inline constexpr std::uint32_t kEthernetMtu = 1500;  // of a veth nobody changed (drivers/net/veth.c, ether_setup)
Result<std::uint32_t> link_mtu(const Parameters& parameters, Family family);
// "MTU" and "MTU6".
std::vector<Parameter> mtu_parameters();

// A subnet as routes name it: of that length, and no host in it. `example` as below.
Result<Prefix> subnet(const Parameters& parameters, const std::string& name, Family family, std::uint8_t length,
                      const std::string& example);

// A subnet for containers: parameter `name` (IPv4, 24 bits) or `name` with a 6 behind it (IPv6, 64 bits). kInvalid also
// when no container can have its addresses.
Result<Prefix> subnet_of_family(const Parameters& parameters, const std::string& name, Family family);
// An address of a subnet, with the subnet's length: number 2 of 10.1.0.0/24 is 10.1.0.2/24. The last byte must be the
// hosts' own.
Prefix host_in(const Prefix& subnet, std::uint8_t number);

// An address that an interface can have and that is routed. `example` is told to whoever gave another one.
Result<IpAddress> unicast_address(const Parameters& parameters, const std::string& name, Family family,
                                  const std::string& example);

}  // namespace netns_lab::suites
