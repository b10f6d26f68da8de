#include "harness/conformance/undeclared_links.h"

#include <fmt/format.h>

#include <linux/if.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

#include "harness/base/text.h"

namespace netns_lab {
namespace {

constexpr std::size_t kLongestValue = 200;  // bytes of one value in a message

std::string text_of(const Link& link) {
  std::ostringstream out;
  out << link;
  return out.str();
}

std::string token_text(const Link& link) { return link.token ? link.token->to_string() : ""; }

// How long what a link passes on may be, a link of several takes from them: a bridge from its ports, a VXLAN link from
// the one it is on (br_set_gso_limits, net/bridge/br_if.c; netif_inherit_tso_max, net/core/dev.c).
bool is_taken_over(const Link& link, const std::string& setting, std::uint32_t value, const NamespaceState& state) {
  if (setting != "gso_max_size" && setting != "gso_max_segs") return false;
  return std::any_of(state.links.begin(), state.links.end(), [&](const Link& other) {
    const bool is_below = other.master == link.index || (link.vxlan && link.vxlan->link_index == other.index);
    const auto found = other.settings.find(setting);
    return is_below && found != other.settings.end() && found->second == value;
  });
}

// How a declared link differs from a new one of its kind in what nobody asked for, a phrase each. How many queues there
// are makes no difference to what arrives. What is switched off of a TUN link is its reader's affair (TUNSETOFFLOAD).
std::vector<std::string> undeclared_settings(const Link& link, std::uint32_t group, const Link* fresh,
                                             const NamespaceState& state) {
  std::vector<std::string> found;
  if (!link.alias.empty()) found.push_back(fmt::format("the alias '{}'", visible(link.alias, kLongestValue)));
  for (const std::string& name : link.alternative_names) found.push_back("the alternative name " + visible_line(name));
  if (link.group != group) found.push_back(fmt::format("group {}, not {}", link.group, group));
  if (link.token) found.push_back("the IPv6 token " + token_text(link));
  if (fresh == nullptr) return found;
  if (link.broadcast != fresh->broadcast) {
    found.push_back(fmt::format("the broadcast address {}, a new link has {}", link.broadcast.to_string(),
                                fresh->broadcast.to_string()));
  }
  for (const auto& [name, value] : link.settings) {
    const auto usual = fresh->settings.find(name);
    if (name == "numtxqueues" || name == "numrxqueues" || usual == fresh->settings.end() || usual->second == value ||
        is_taken_over(link, name, value, state))
      continue;
    found.push_back(fmt::format("{} {}, a new link has {}", name, value, usual->second));
  }
  if (link.kind == "tun") return found;
  const auto lacks = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) == names.end();
  };
  for (const std::string& name : link.switched_off) {
    if (lacks(fresh->switched_off, name)) found.push_back(name + " switched off, a new link has it on");
  }
  for (const std::string& name : fresh->switched_off) {
    if (lacks(link.switched_off, name)) found.push_back(name + " switched on, a new link has it off");
  }
  return found;
}

// "mtu 1400, it was 1500"; "" when nothing differs. Whether the lo of a declared namespace is up is a claim of its own.
std::string link_differences(const Link& before, const Link& now, bool is_lo_of_new) {
  std::vector<std::string> texts;
  const auto compare = [&](const char* what, const std::string& was, const std::string& is) {
    if (was != is) {
      texts.push_back(fmt::format("{} {}, it was {}", what, is.empty() ? "none" : visible(is, kLongestValue),
                                  was.empty() ? "none" : visible(was, kLongestValue)));
    }
  };
  const std::uint32_t ignored = is_lo_of_new ? IFF_UP | IFF_RUNNING | IFF_LOWER_UP : 0U;
  const auto flags = [&](Link link) {
    link.flags &= ~ignored;
    return link.flags_text();
  };
  compare("flags", flags(before), flags(now));
  compare("MTU", std::to_string(before.mtu), std::to_string(now.mtu));
  compare("MAC", before.mac.to_string(), now.mac.to_string());
  compare("broadcast address", before.broadcast.to_string(), now.broadcast.to_string());
  const auto master = [](const Link& link) { return link.master ? fmt::format("index {}", *link.master) : ""; };
  compare("master", master(before), master(now));
  compare("group", std::to_string(before.group), std::to_string(now.group));
  compare("alias", before.alias, now.alias);
  compare("alternative names", join(before.alternative_names, " "), join(now.alternative_names, " "));
  compare("bridge settings", to_string(before.bridge), to_string(now.bridge));
  compare("port settings", to_string(before.bridge_port), to_string(now.bridge_port));
  if (!is_lo_of_new) compare("queueing discipline", before.qdisc, now.qdisc);
  compare("settings", to_string(before.settings), to_string(now.settings));
  compare("features switched off", join(before.switched_off, " "), join(now.switched_off, " "));
  compare("token", token_text(before), token_text(now));
  return join(texts, "; ");
}

// Which MAC addresses a link takes in beside its own that it did not before, and those it no longer does.
void compare_taken_in(const LinksCompared& here, const std::string& place, std::vector<std::string>& findings) {
  const auto taken_in = [](const NamespaceState& state) {
    std::set<std::pair<std::string, MacAddress>> found;
    for (const ForwardingEntry& entry : state.forwarding) {
      if (is_taken_in_by_link(entry, state)) found.emplace(entry.link, entry.mac);
    }
    return found;
  };
  const auto was = taken_in(here.was);
  const auto is = taken_in(here.is);
  for (const auto& [link, mac] : is) {
    if (was.contains({link, mac})) continue;
    findings.push_back(fmt::format(
        "link {} in {} takes in what is for the MAC address {}, too (bridge fdb … self): nobody declared it", link,
        place, mac.to_string()));
  }
  for (const auto& [link, mac] : was) {
    if (is.contains({link, mac}) || here.is.find_link(link) == nullptr) continue;
    findings.push_back(fmt::format("link {} in {} took in what is for the MAC address {} before, and does so no longer",
                                   link, place, mac.to_string()));
  }
}

}  // namespace

bool is_taken_in_by_link(const ForwardingEntry& entry, const NamespaceState& state) {
  if (!entry.bridge.empty()) return false;
  const Link* const link = state.find_link(entry.link_index);
  return link != nullptr && !link->vxlan && link->mac != entry.mac;
}

std::vector<std::string> undeclared_links(const LinksCompared& here, const Declaration& declared) {
  std::vector<std::string> findings;
  const std::string place = place_text(here.network_namespace);
  for (const Link& link : here.is.links) {
    if (const DeclaredLink* const known = declared.find_link(here.network_namespace, link.name)) {
      if (here.pristine == nullptr) continue;
      const auto& all = here.pristine->new_links;
      // A TAP link is of the kind tun, too, but has a MAC address, and other defaults.
      const auto fresh = std::find_if(all.begin(), all.end(), [&](const Link& one) {
        return one.kind == link.kind && one.mac.is_zero() == link.mac.is_zero();
      });
      for (const std::string& setting :
           undeclared_settings(link, known->group, fresh == all.end() ? nullptr : &*fresh, here.is))
        findings.push_back(fmt::format("link {} in {} has {}: nobody declared it", link.name, place, setting));
      continue;
    }
    const Link* before = here.was.find_link(link.name);
    if (before == nullptr) {
      findings.push_back(fmt::format("link {} in {}: nobody declared it ({})", link.name, place, text_of(link)));
      continue;
    }
    if (before->kind != link.kind || (!here.is_new && before->index != link.index)) {
      findings.push_back(fmt::format("link {} in {} is another one than before ({}; before: {})", link.name, place,
                                     text_of(link), text_of(*before)));
      continue;
    }
    std::string differences = link_differences(*before, link, here.is_new && link.is_loopback());
    if (!differences.empty()) {
      findings.push_back(fmt::format("link {} in {} was changed: {}", link.name, place, differences));
    }
  }
  for (const Link& link : here.was.links) {
    if (here.is.find_link(link.name) == nullptr)
      findings.push_back(fmt::format("link {} in {} was there before and is gone", link.name, place));
  }
  compare_taken_in(here, place, findings);
  return findings;
}

}  // namespace netns_lab
