#include "harness/testing/matchers.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <string_view>

#include "harness/base/text.h"
#include "harness/conformance/exact.h"
#include "harness/conformance/flooding.h"
#include "harness/conformance/same_network.h"

namespace netns_lab {
namespace matcher_detail {

std::string claim_of(const EchoExpectation& want) {
  std::string claim = "every echo is answered once";
  if (want.reply_from) claim += ", from " + want.reply_from->to_string();
  if (want.request_from) claim += ", sent from " + want.request_from->to_string();
  if (want.way) claim += ", crossing " + to_string(*want.way);
  if (want.ttl) claim += fmt::format(", arriving with TTL {}", *want.ttl);
  if (want.payload_intact) claim += ", payload intact";
  if (want.fragmented) claim += ", in fragments";
  return claim;
}

}  // namespace matcher_detail

::testing::Matcher<const EchoReport&> RefusedLocally(int system_errno, const Way& way) {
  return finds_nothing<EchoReport>(
      fmt::format("refused by the sender's kernel with {}, and nothing arrives at {}", errno_name(system_errno),
                  way.far_link),
      [system_errno, way](const EchoReport& report) { return refusal_findings(report, system_errno, way); });
}

::testing::Matcher<const EchoReport&> NothingArrivesAt(const std::string& network_namespace, const std::string& link) {
  return finds_nothing<EchoReport>(fmt::format("nothing arrives at {} in {}", link, place_text(network_namespace)),
                                   [network_namespace, link](const EchoReport& report) {
                                     return arrival_findings(report, network_namespace, link);
                                   });
}

::testing::Matcher<const EchoReport&> EveryRequestArrivesAt(const std::string& network_namespace,
                                                            const std::string& link, std::uint8_t ttl) {
  return finds_nothing<EchoReport>(
      fmt::format("every request arrives at {} in {} with TTL {}", link, place_text(network_namespace), ttl),
      [network_namespace, link, ttl](const EchoReport& report) {
        return delivery_findings(report, network_namespace, link, ttl);
      });
}

::testing::Matcher<const EchoReport&> QuestionArrivesAt(const std::string& network_namespace, const std::string& link,
                                                        const MacAddress& asker) {
  return finds_nothing<EchoReport>(fmt::format("the question of {} for a neighbour arrives at {} in {}",
                                               asker.to_string(), link, place_text(network_namespace)),
                                   [network_namespace, link, asker](const EchoReport& report) {
                                     return question_findings(report, network_namespace, link, asker);
                                   });
}

::testing::Matcher<const EchoReport&> NoUnicastArrivesAt(const std::string& network_namespace,
                                                         const std::string& link) {
  return finds_nothing<EchoReport>(
      fmt::format("nothing that is for one machine arrives at {} in {}", link, place_text(network_namespace)),
      [network_namespace, link](const EchoReport& report) {
        return unicast_findings(report, network_namespace, link);
      });
}

::testing::Matcher<const EchoReport&> EveryRequestLeaves(const Departure& want) {
  return finds_nothing<EchoReport>(
      fmt::format("every request leaves by {} from {} with TTL {}", want.link, want.source.to_string(), want.ttl),
      [want](const EchoReport& report) { return departure_findings(report, want); });
}

::testing::Matcher<const EchoReport&> NothingLeaves(const std::string& link) {
  return finds_nothing<EchoReport>("nothing leaves by " + link,
                                   [link](const EchoReport& report) { return no_departure_findings(report, link); });
}

::testing::Matcher<const EchoReport&> ResolvedBetween(const Way& way, const MacAddress& near_mac,
                                                      const MacAddress& far_mac) {
  return finds_nothing<EchoReport>(fmt::format("{} asks who has the next hop, and {} answers with its own MAC {}",
                                               way.near_link, way.far_link, far_mac.to_string()),
                                   [way, near_mac, far_mac](const EchoReport& report) {
                                     return resolution_findings(report, way, near_mac, far_mac);
                                   });
}

::testing::Matcher<const ExchangeReport&> CameBackIntact(const Way& way) {
  return finds_nothing<ExchangeReport>("everything sent comes back intact, crossing " + to_string(way),
                                       [way](const ExchangeReport& report) { return exchange_findings(report, way); });
}

::testing::Matcher<const Snapshot&> NothingUndeclared(Area area, const Snapshot& before, const Declaration& declared) {
  return finds_nothing<Snapshot>(
      fmt::format("has no {} that nobody declared", to_string(area)),
      [area, &before, &declared](const Snapshot& after) { return undeclared(area, before, after, declared); });
}

::testing::Matcher<const Snapshot&> SameAsBefore(const Snapshot& before) {
  return finds_nothing<Snapshot>("is the same as before",
                                 [&before](const Snapshot& after) { return left_behind(before, after); });
}

::testing::Matcher<const Snapshot&> BuiltLike(const Snapshot& first, const Snapshot& before,
                                              const Declaration& declared) {
  return finds_nothing<Snapshot>("is built like the first time", [&](const Snapshot& second) {
    return differences_of_builds(before, first, second, declared);
  });
}

::testing::Matcher<const NamespaceState&> HasLink(const std::string& name,
                                                  const ::testing::Matcher<const Link&>& inner) {
  std::ostringstream claim;
  claim << "has a link " << name << " which ";
  inner.DescribeTo(&claim);
  return finds_nothing<NamespaceState>(
      claim.str(), [name, inner](const NamespaceState& state) -> std::vector<std::string> {
        const Link* link = state.find_link(name);
        if (link == nullptr) {
          std::string others;
          for (const Link& other : state.links) others += (others.empty() ? "" : ", ") + other.name;
          return {fmt::format("there is no {}; there are: {}", name, others.empty() ? "none" : others)};
        }
        ::testing::StringMatchResultListener why;
        if (inner.MatchAndExplain(*link, &why)) return {};
        // A line for each of what the inner matcher found.
        std::vector<std::string> findings;
        for (std::string_view line : split_lines(why.str())) {
          line.remove_prefix(std::min(line.find_first_not_of(" -"), line.size()));
          if (!line.empty()) findings.push_back(fmt::format("{} {}", name, line));
        }
        return findings.empty() ? std::vector<std::string>{name + " is otherwise"} : findings;
      });
}

::testing::Matcher<const NamespaceState&> HasExactlyAddresses(const std::string& link,
                                                              const std::vector<Prefix>& declared) {
  std::string claim = link + " has exactly the addresses";
  for (const Prefix& prefix : declared) claim += " " + prefix.to_string();
  if (declared.empty()) claim = link + " has no address of its own";
  return finds_nothing<NamespaceState>(std::move(claim), [link, declared](const NamespaceState& state) {
    return address_findings(state, link, declared);
  });
}

::testing::Matcher<const NamespaceState&> HasExactlyRoute(const Route& declared) {
  std::ostringstream claim;
  claim << "has exactly one route to its destination: " << declared;
  return finds_nothing<NamespaceState>(
      claim.str(), [declared](const NamespaceState& state) { return route_findings(state, declared); });
}

::testing::Matcher<const RouteAnswer&> Chooses(const std::string& link, const std::optional<IpAddress>& gateway,
                                               const std::optional<IpAddress>& source) {
  std::string claim = "is sent out of " + link;
  if (gateway) claim += " via " + gateway->to_string();
  if (source) claim += " from " + source->to_string();
  return finds_nothing<RouteAnswer>(
      std::move(claim), [link, gateway, source](const RouteAnswer& answer) -> std::vector<std::string> {
        if (answer.system_errno != 0) return {"the kernel finds no way: " + refusal_text(answer)};
        std::vector<std::string> findings;
        if (answer.type != RouteType::kUnicast)
          findings.push_back(answer.type == RouteType::kLocal
                                 ? "the kernel takes the address for its own: the route is of type local"
                                 : fmt::format("the route is of type {}", to_string(answer.type)));
        if (answer.output_link != link)
          findings.push_back(fmt::format("it goes out of {}, not {}", answer.output_link, link));
        if (answer.gateway != gateway) {
          findings.push_back(fmt::format("the next hop is {}, not {}",
                                         answer.gateway ? answer.gateway->to_string() : "on the link itself",
                                         gateway ? gateway->to_string() : "on the link itself"));
        }
        if (answer.table != kMainTable)
          findings.push_back(fmt::format("the route is in table {}, not in the main table", answer.table));
        if (source && answer.preferred_source != source) {
          findings.push_back(fmt::format("the source is {}, not {}",
                                         answer.preferred_source ? answer.preferred_source->to_string() : "none",
                                         source->to_string()));
        }
        return findings;
      });
}

::testing::Matcher<const Link&> OfKind(const std::string& kind) {
  return finds_nothing<Link>("is of kind " + kind, [kind](const Link& link) -> std::vector<std::string> {
    if (link.kind == kind) return {};
    return {fmt::format("is of kind \"{}\", not {}", link.kind, kind)};
  });
}

::testing::Matcher<const Link&> WithFlags(std::uint32_t flags) {
  Link wanted;
  wanted.flags = flags;
  const std::string text = wanted.flags_text();
  return finds_nothing<Link>("has exactly the flags " + text,
                             [flags, text](const Link& link) -> std::vector<std::string> {
                               if (link.flags == flags) return {};
                               return {fmt::format("has the flags {}, not {}", link.flags_text(), text)};
                             });
}

::testing::Matcher<const Link&> WithoutMaster() {
  return finds_nothing<Link>("belongs to no bridge", [](const Link& link) -> std::vector<std::string> {
    if (!link.master) return {};
    return {fmt::format("belongs to the interface with index {}", *link.master)};
  });
}

::testing::Matcher<const Link&> UpWithCarrier(OperState operstate) {
  return finds_nothing<Link>(
      fmt::format("is up with carrier, operational state {}", to_string(operstate)), [operstate](const Link& link) {
        std::vector<std::string> findings;
        if (!link.is_up()) findings.emplace_back("is administratively down");
        if (!link.carrier) findings.emplace_back("has no carrier");
        if (link.operstate != operstate) {
          findings.push_back(
              fmt::format("its operational state is {}, not {}", to_string(link.operstate), to_string(operstate)));
        }
        return findings;
      });
}

void PrintTo(const Snapshot& snapshot, std::ostream* out) {
  *out << "a snapshot of";
  const char* separator = " ";
  for (const NamespaceState& state : snapshot.namespaces) {
    *out << separator << place_text(state.name) << " (";
    for (const Link& link : state.links) *out << (&link == &state.links.front() ? "" : ", ") << link.name;
    *out << ")";
    separator = ", ";
  }
}

void PrintTo(const NamespaceState& state, std::ostream* out) {
  *out << place_text(state.name) << " with the links";
  for (const Link& link : state.links) *out << "\n    " << link;
}

}  // namespace netns_lab
