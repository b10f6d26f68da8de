#include "suites/common/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <string_view>
#include <vector>

#include "harness/base/text.h"

namespace netns_lab::suites {
namespace {

// What the cases use for namespaces of their own (fixture.cc, harness/testing/bystanders.h): neither name nor address
// can be the container's.
constexpr auto kThirdSubnet = "198.18.200.0/29", kThirdSubnetIpv6 = "2001:db8:200::/63";
constexpr std::array<std::string_view, 3> kTestsNames = {"netns-lab-third0", "netns-lab-third1", "netns-lab-bystander"};

// `value` as it can stand in a message of one line.
std::string shown(const std::string& value) {
  std::string line;
  for (const char c : visible(value, 64))
    line += c == '\n' ? std::string("\\n") : c == '\t' ? std::string("\\t") : std::string(1, c);
  return line;
}

// Why the address cannot be a container's; "" when it can.
std::string unfit(const IpAddress& address) {
  if (address.is_unspecified())
    return "is the unspecified address, which no interface can have (RFC 4291, 2.5.2; RFC 1122, 3.2.1.3)";
  if (address.is_loopback())
    return "is a loopback address, which never leaves its namespace (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3)";
  if (address.is_multicast())
    return "is a multicast address, which no interface can have as its own (RFC 1112, 4; RFC 4291, 2.7)";
  if (address.is_limited_broadcast()) return "is the limited broadcast address (RFC 919, 7)";
  if (address.is_link_local()) return "is a link-local address, which is not routed (RFC 3927, 2.7; RFC 4291, 2.5.6)";
  const auto bytes = address.bytes();
  if (address.is_v4() && bytes[0] == 0)
    return "is in 0.0.0.0/8, \"this network\", which is never a destination (RFC 1122, 3.2.1.3)";
  const bool mapped = !address.is_v4() &&
                      std::all_of(bytes.begin(), bytes.begin() + 10, [](auto byte) { return byte == 0; }) &&
                      bytes[10] == 0xff && bytes[11] == 0xff;
  const bool is_the_thirds = Prefix::parse(kThirdSubnet).value().contains(address) ||
                             Prefix::parse(kThirdSubnetIpv6).value().contains(address);
  if (is_the_thirds) return "is in the subnet of the third namespace that judges isolation (docs/scenarios)";
  if (mapped) return "is an IPv4-mapped address, which never appears on a link (RFC 4291, 2.5.5.2)";
  return "";
}

}  // namespace

Result<std::string> parameter_value(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) {
    return tl::unexpected(Error::invalid("parameter " + name, "it has no value", "give --param " + name + "=VALUE"));
  }
  return found->second;
}

std::string parameter_text(const std::string& name, const std::string& value) {
  return fmt::format("parameter {}=\"{}\"", name, shown(value));
}

Result<std::string> namespace_name(const Parameters& parameters, const std::string& parameter) {
  NETNS_LAB_ASSIGN(const std::string name, parameter_value(parameters, parameter));
  const auto refused = [&](const std::string& why) {
    return tl::unexpected(
        Error::invalid(parameter_text(parameter, name), why,
                       "give a name of letters, digits, '.', '_' and '-', as `ip netns add` takes it"));
  };
  if (name.empty()) return refused("a namespace name cannot be empty");
  if (name == "." || name == "..") return refused("it names a folder, not a namespace");
  if (name.find('/') != std::string::npos)
    return refused("a namespace name is one file name in /run/netns and cannot hold '/'");
  if (name.size() > NAME_MAX) {
    return refused(fmt::format("it has {} bytes; a file name has at most {}", name.size(), NAME_MAX));
  }
  if (std::ranges::find(kTestsNames, name) != kTestsNames.end())
    return refused("it is the name of a namespace that the tests make (docs/scenarios)");
  if (name.front() == '-') return refused("it starts with '-' and would be taken for an option");
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
  if (!plain) return refused("it holds a blank or a control character");
  return name;
}

Result<IpAddress> unicast_address(const Parameters& parameters, const std::string& parameter, Family family,
                                  const std::string& example) {
  NETNS_LAB_ASSIGN(const std::string text, parameter_value(parameters, parameter));
  const std::string tried = parameter_text(parameter, text);
  const std::string remedy =
      fmt::format("give an {} address such as {}, without a prefix length", to_string(family), example);
  const auto address = IpAddress::parse(text);
  if (!address) return tl::unexpected(Error::invalid(tried, "is not an IP address", remedy));
  if (address->family() != family) {
    return tl::unexpected(Error::invalid(
        tried, fmt::format("is an {} address; {} takes {}", to_string(address->family()), parameter, to_string(family)),
        remedy));
  }
  if (const std::string why = unfit(*address); !why.empty()) return tl::unexpected(Error::invalid(tried, why, remedy));
  return *address;
}

Result<Prefix> subnet(const Parameters& parameters, const std::string& name, Family family, std::uint8_t length,
                      const std::string& example) {
  NETNS_LAB_ASSIGN(const std::string text, parameter_value(parameters, name));
  const auto refused = [&](std::string why) {
    return tl::unexpected(
        Error::invalid(parameter_text(name, text), std::move(why),
                       fmt::format("give an {} subnet of {} bits such as {}", to_string(family), length, example)));
  };
  const auto prefix = Prefix::parse(text);
  if (!prefix || text.find('/') == std::string::npos) return refused("is not a subnet");
  if (prefix->address.family() != family) return refused(fmt::format("is not of {}", to_string(family)));
  if (prefix->length != length) return refused(fmt::format("has {} bits, not {}", prefix->length, length));
  if (prefix->network() != *prefix) return refused("names a host in the subnet, not the subnet");
  return *prefix;
}

Result<Prefix> subnet_of_family(const Parameters& parameters, const std::string& name, Family family) {
  const bool v4 = family == Family::kIpv4;
  const std::string own = v4 ? name : name + "6";
  const std::string example = v4 ? "10.1.0.0/24" : "fd00:1::/64";
  NETNS_LAB_ASSIGN(const Prefix prefix, subnet(parameters, own, family, v4 ? 24 : 64, example));
  if (const std::string why = unfit(host_in(prefix, 1).address); !why.empty()) {
    return tl::unexpected(Error::invalid(parameter_text(own, prefix.to_string()), "its first address " + why,
                                         fmt::format("give another subnet such as {}", example)));
  }
  return prefix;
}

Prefix host_in(const Prefix& subnet, std::uint8_t number) {
  const IpAddress network = subnet.network().address;
  std::vector<std::uint8_t> own(network.bytes().begin(), network.bytes().end());
  own.back() = number;
  return {IpAddress::from_bytes(own), subnet.length};
}

Result<std::uint32_t> link_mtu(const Parameters& parameters, Family family) {
  const std::string name = family == Family::kIpv4 ? "MTU" : "MTU6";
  const std::uint32_t least = family == Family::kIpv4 ? 576 : 1280;
  constexpr std::uint32_t kMost = 65'535;
  const auto given = parameters.find(name);
  if (given == parameters.end()) return kEthernetMtu;
  const std::string& text = given->second;
  std::uint32_t mtu = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mtu);
  if (error == std::errc() && end == text.data() + text.size() && mtu >= least && mtu <= kMost) return mtu;
  return tl::unexpected(Error::invalid(parameter_text(name, text),
                                       fmt::format("it is no number from {} to {}", least, kMost),
                                       fmt::format("give the bytes of an {} packet, 1500 for one", to_string(family))));
}

std::vector<Parameter> mtu_parameters() {
  return {
      {"MTU", "1500", "the MTU of the containers' links, 576 to 65535 bytes (IPv4; other than 1500: target native)"},
      {"MTU6", "1500", "the same in IPv6, from 1280 (IPv6 variant, target native)"}};
}

}  // namespace netns_lab::suites
