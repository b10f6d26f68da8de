// Stands in for host_checks.cc, journal.cc and leftovers.cc until they land; to be removed with them.
#include <net/if.h>
#include <unistd.h>

#include "harness/node/capabilities.h"
#include "harness/node/host.h"
#include "harness/node/host_checks.h"
#include "harness/node/journal.h"
#include "harness/node/leftovers.h"

namespace netns_lab::node {

Result<void> check_claim(const AgentContext& context, const protocol::ClaimRequest& claim) {
  for (const std::string& name : claim.namespaces) {
    if (::access((context.namespace_directory + "/" + name).c_str(), F_OK) == 0) {
      return tl::unexpected(Error::taken("claim namespace " + name, "it is in use on " + context.node));
    }
  }
  for (const std::string& name : claim.links) {
    if (::if_nametoindex(name.c_str()) != 0) {
      return tl::unexpected(Error::taken("claim link " + name, "it is in use on " + context.node));
    }
  }
  return {};
}

Result<std::vector<std::string>> list_leftovers(const AgentContext& /*context*/) { return std::vector<std::string>(); }

Result<Journal> Journal::open(const std::string& path) {
  return tl::unexpected(Error::internal("open journal " + path, "there are no journals yet"));
}
Result<void> Journal::before_sysctl(const std::string& /*key*/) { return {}; }
Result<void> Journal::before_link(const std::string& /*name*/) { return {}; }
Result<void> Journal::forget_link(const std::string& /*name*/) { return {}; }

Result<UniqueFd> start_host(const HostSpec&) {
  return tl::unexpected(Error::missing("--lab host", "not available yet", "use --lab sandbox"));
}
Result<void> start_host(const HostSpec&, UniqueFd) {
  return tl::unexpected(Error::missing("--lab host", "not available yet", "use --lab sandbox"));
}
Result<std::vector<std::string>> recover_journals(const std::string&) { return std::vector<std::string>(); }
std::vector<Capability> probe_capabilities() { return {}; }

}  // namespace netns_lab::node
