#include "harness/model/packet_filter.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <ostream>

#include "harness/base/text.h"

namespace netns_lab {
namespace {

constexpr std::size_t kTold = 8;  // translations told in full

std::string protocol_text(std::uint8_t protocol) {
  if (protocol == IPPROTO_TCP) return "tcp ";
  if (protocol == IPPROTO_UDP) return "udp ";
  return protocol == 0 ? "" : fmt::format("protocol {} ", protocol);
}

std::string ports_text(const PortTranslation& translation) {
  if (translation.first_port == 0 && translation.last_port == 65'535) return "all ports";
  if (translation.first_port == translation.last_port) return fmt::format("port {}", translation.first_port);
  return fmt::format("ports {}-{}", translation.first_port, translation.last_port);
}

}  // namespace

std::string to_string(const PortTranslation& translation) {
  const bool is_v6 = translation.address.find(':') != std::string::npos;
  std::string to = translation.address.empty() ? "the node itself" : translation.address;
  if (translation.port && is_v6) to = "[" + to + "]";
  if (translation.port) to += fmt::format("{}{}", translation.address.empty() ? ", port " : ":", *translation.port);
  return fmt::format("{}{} to {}", protocol_text(translation.protocol), ports_text(translation), to);
}

std::string to_string(const PacketFilter& filter) {
  std::string text = filter.name;
  if (filter.is_dormant) text += ", dormant";
  if (!filter.holds.empty()) text += fmt::format(" with {}, contents {}", filter.holds, filter.contents);
  if (!filter.statements.empty()) text += fmt::format(", statements: {}", fmt::join(filter.statements, " "));
  for (const auto& [statement, place] : filter.where) text += fmt::format(", {} by {}", statement, visible_line(place));
  std::size_t told = 0;
  for (const PortTranslation& each : filter.translations) {
    if (told++ < kTold) text += (told == 1 ? ", of " : " and of ") + to_string(each);
  }
  if (told > kTold) text += fmt::format(" and {} more", told - kTold);
  if (!filter.conditions.empty()) text += fmt::format(", translating by {}", fmt::join(filter.conditions, ", "));
  if (!filter.parted.empty()) text += fmt::format(", {}", fmt::join(filter.parted, ", "));
  return text;
}

std::ostream& operator<<(std::ostream& out, const PacketFilter& filter) { return out << to_string(filter); }

}  // namespace netns_lab
