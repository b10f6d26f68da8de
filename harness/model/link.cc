#include "harness/model/link.h"

#include <fmt/format.h>

#include <array>
#include <ostream>

#include "harness/base/text.h"
#include "harness/model/flag_text.h"

namespace netns_lab {
namespace {

constexpr std::uint32_t kUpFlag = 0x1;
constexpr std::uint32_t kLoopbackFlag = 0x8;

// enum net_device_flags of linux/if.h, in bit order.
constexpr std::array kFlagNames{
    FlagName{0x1, "UP"},           FlagName{0x2, "BROADCAST"},    FlagName{0x4, "DEBUG"},
    FlagName{0x8, "LOOPBACK"},     FlagName{0x10, "POINTOPOINT"}, FlagName{0x20, "NOTRAILERS"},
    FlagName{0x40, "RUNNING"},     FlagName{0x80, "NOARP"},       FlagName{0x100, "PROMISC"},
    FlagName{0x200, "ALLMULTI"},   FlagName{0x400, "MASTER"},     FlagName{0x800, "SLAVE"},
    FlagName{0x1000, "MULTICAST"}, FlagName{0x2000, "PORTSEL"},   FlagName{0x4000, "AUTOMEDIA"},
    FlagName{0x8000, "DYNAMIC"},   FlagName{0x10000, "LOWER_UP"}, FlagName{0x20000, "DORMANT"},
    FlagName{0x40000, "ECHO"},
};

}  // namespace

std::string to_string(OperState state) {
  switch (state) {
    case OperState::kUnknown:
      return "UNKNOWN";
    case OperState::kNotPresent:
      return "NOTPRESENT";
    case OperState::kDown:
      return "DOWN";
    case OperState::kLowerLayerDown:
      return "LOWERLAYERDOWN";
    case OperState::kTesting:
      return "TESTING";
    case OperState::kDormant:
      return "DORMANT";
    case OperState::kUp:
      return "UP";
  }
  return std::to_string(static_cast<unsigned>(state));
}

std::string to_string(const BridgeSettings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
  return text;
}

std::string to_string(const VxlanSettings& settings) {
  std::string text = fmt::format("id {} port {}", settings.vni, settings.port);
  if (settings.local) text += " local " + settings.local->to_string();
  if (settings.remote) text += " remote " + settings.remote->to_string();
  if (settings.link_index != 0) text += fmt::format(" link {}", settings.link_index);
  return settings.other.empty() ? text : text + ", " + to_string(settings.other);
}

bool Link::is_up() const { return (flags & kUpFlag) != 0; }
bool Link::is_loopback() const { return (flags & kLoopbackFlag) != 0; }
std::string Link::flags_text() const { return flag_text(flags, kFlagNames); }

std::ostream& operator<<(std::ostream& out, const Link& link) {
  out << fmt::format("{}: {}", link.index, link.name);
  if (!link.kind.empty()) out << ' ' << link.kind;
  out << fmt::format(" <{}> mtu {} state {}", link.flags_text(), link.mtu, to_string(link.operstate));
  out << (link.carrier ? " carrier" : " no-carrier") << " mac " << link.mac;
  if (link.master) out << " master " << *link.master;
  if (link.peer_index) out << " peer " << *link.peer_index;
  if (link.peer_netnsid) out << " netnsid " << *link.peer_netnsid;
  if (link.group != 0) out << " group " << link.group;
  if (link.promiscuity != 0) out << " promiscuity " << link.promiscuity;
  if (!link.qdisc.empty()) out << " qdisc " << link.qdisc;
  if (!link.alias.empty()) out << " alias '" << visible_line(link.alias) << '\'';
  for (const std::string& name : link.alternative_names) out << " altname " << name;
  if (link.xdp_attached) out << " xdp";
  if (!link.settings.empty()) out << " (" << to_string(link.settings) << ')';
  if (!link.switched_off.empty()) out << " off (" << join(link.switched_off, " ") << ')';
  if (link.token) out << " token " << link.token->to_string();
  if (!link.bridge.empty()) out << " bridge (" << to_string(link.bridge) << ')';
  if (!link.bridge_port.empty()) out << " port (" << to_string(link.bridge_port) << ')';
  if (link.vxlan) out << " vxlan (" << to_string(*link.vxlan) << ')';
  return out;
}

}  // namespace netns_lab
