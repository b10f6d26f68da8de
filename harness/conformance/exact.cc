#include "harness/conformance/exact.h"

#include <fmt/format.h>

#include <linux/if_addr.h>

#include <algorithm>
#include <sstream>

#include "harness/conformance/declaration.h"
#include "harness/conformance/kernel_made.h"

namespace netns_lab {
namespace {

std::string lifetime_text(std::uint32_t seconds) {
  return seconds == kForeverLifetime ? "forever" : fmt::format("{} s", seconds);
}

std::vector<std::string> differences(const InterfaceAddress& address) {
  std::vector<std::string> found;
  const bool v4 = address.prefix.address.is_v4();
  const std::string name = fmt::format("{} on {}", address.prefix.to_string(), address.link);
  const Scope scope = address.prefix.address.is_link_local() && !v4 ? Scope::kLink : Scope::kGlobal;
  if (address.scope != scope)
    found.push_back(fmt::format("{} has scope {}, not {}", name, to_string(address.scope), to_string(scope)));
  const std::uint32_t flags = v4 ? address.flags : address.flags & ~static_cast<std::uint32_t>(IFA_F_NODAD);
  if (flags != IFA_F_PERMANENT)
    found.push_back(fmt::format("{} has the flags \"{}\", not \"permanent\"", name, address.flags_text()));
  if (address.valid_lifetime != kForeverLifetime || address.preferred_lifetime != kForeverLifetime) {
    found.push_back(fmt::format("{} is valid for {} and preferred for {}, not forever", name,
                                lifetime_text(address.valid_lifetime), lifetime_text(address.preferred_lifetime)));
  }
  if (address.peer && *address.peer != address.prefix.address)
    found.push_back(fmt::format("{} has the peer address {}", name, address.peer->to_string()));
  if (address.broadcast && address.prefix.length >= 31)  // RFC 3021; ip-address(8) sets none there
    found.push_back(fmt::format("{} has the broadcast address {}", name, address.broadcast->to_string()));
  return found;
}

// Of a link-local address of IPv6, which the kernel makes by itself, all that is told of it: what it does not set
// shows.
std::string not_the_kernels(const InterfaceAddress& address) {
  if (address.prefix.address.is_v4() || !address.prefix.address.is_link_local()) return "";
  std::ostringstream text;
  text << address;
  return ", nor is it as the kernel makes one (" + text.str() + ")";
}

}  // namespace

std::vector<std::string> address_findings(const NamespaceState& state, const std::string& link,
                                          const std::vector<Prefix>& declared) {
  std::vector<std::string> findings;
  std::vector<Prefix> missing = declared;
  for (const InterfaceAddress& address : state.addresses_of(link)) {
    const auto wanted = std::find(missing.begin(), missing.end(), address.prefix);
    if (wanted != missing.end()) {
      missing.erase(wanted);
      for (auto& difference : differences(address)) findings.push_back(std::move(difference));
    } else if (!is_kernel_made_address(address, state)) {
      findings.push_back(fmt::format("{} has the address {}, which is not declared{}", link, address.prefix.to_string(),
                                     not_the_kernels(address)));
    }
  }
  for (const Prefix& prefix : missing)
    findings.push_back(fmt::format("{} lacks the address {}", link, prefix.to_string()));
  return findings;
}

std::vector<std::string> route_findings(const NamespaceState& state, const Route& declared) {
  std::vector<const Route*> there;
  for (const Route& route : state.routes) {
    if (route.destination == declared.destination && route.table == declared.table) there.push_back(&route);
  }
  std::ostringstream wanted;
  wanted << declared;
  if (there.empty())
    return {fmt::format("there is no route to {}; wanted: {}", declared.destination.to_string(), wanted.str())};
  std::vector<std::string> findings;
  if (there.size() > 1)
    findings.push_back(
        fmt::format("there are {} routes to {}, not one", there.size(), declared.destination.to_string()));
  for (const Route* route : there) {
    const std::string difference = route_difference(declared, *route);
    if (difference.empty()) continue;
    std::ostringstream text;
    text << *route;
    findings.push_back(fmt::format("\"{}\": {}", text.str(), difference));
  }
  return findings;
}

}  // namespace netns_lab
