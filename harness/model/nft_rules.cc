#include "harness/model/nft_rules.h"

#include <fmt/format.h>

#include <ostream>

namespace netns_lab {
namespace {

bool is_link_name(const std::string& what) { return what == "iifname" || what == "oifname"; }

std::string text(const NftMatch& match) {
  return fmt::format("{} {}{}", match.what, match.negated ? "!= " : "",
                     is_link_name(match.what) ? '"' + match.value + '"' : match.value);
}

std::string text(const NftAction& action) {
  std::string line = action.verb;
  if (action.address) {
    const std::string address = action.address->to_string();
    line += " to " + (action.address->is_v4() || !action.port ? address : "[" + address + "]");
  }
  if (action.port) line += fmt::format("{}:{}", action.address ? "" : " to ", *action.port);
  return line;
}

}  // namespace

std::string to_string(const NftRule& rule) {
  std::string line;
  for (const NftMatch& match : rule.matches) line += text(match) + " ";
  return line + text(rule.action);
}

std::string to_string(const NftChain& chain) {
  std::string line = fmt::format("chain {} {{ type {} hook {} priority {}; policy {};", chain.name, chain.type,
                                 chain.hook, chain.priority, chain.drops ? "drop" : "accept");
  for (const NftRule& rule : chain.rules) line += " " + to_string(rule) + ";";
  return line + " }";
}

std::ostream& operator<<(std::ostream& out, const NftRule& rule) { return out << to_string(rule); }
std::ostream& operator<<(std::ostream& out, const NftChain& chain) { return out << to_string(chain); }

std::string nft_table_text(const std::string& family, const std::string& name) { return family + " " + name; }

}  // namespace netns_lab
