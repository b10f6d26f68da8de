#include "harness/model/icmp_text.h"

#include <fmt/format.h>

namespace netns_lab {
namespace {

struct Row {
  std::uint8_t type;
  std::uint8_t code;
  const char* text;
};

// RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1.
constexpr Row kIcmpV4[] = {
    {3, 0, "destination network unreachable"},
    {3, 1, "destination host unreachable"},
    {3, 2, "destination protocol unreachable"},
    {3, 3, "destination port unreachable"},
    {3, 4, "fragmentation needed, but the packet says don't fragment"},
    {3, 5, "source route failed"},
    {3, 6, "destination network unknown"},
    {3, 7, "destination host unknown"},
    {3, 9, "destination network administratively prohibited"},
    {3, 10, "destination host administratively prohibited"},
    {3, 13, "communication administratively prohibited"},
    {5, 0, "redirect for the network"},
    {5, 1, "redirect for the host"},
    {11, 0, "time to live exceeded on the way"},
    {11, 1, "not all fragments arrived in time"},
    {12, 0, "parameter problem"},
};

// RFC 4443 section 3.
constexpr Row kIcmpV6[] = {
    {1, 0, "no route to the destination"},
    {1, 1, "communication administratively prohibited"},
    {1, 2, "beyond the scope of the source address"},
    {1, 3, "destination address unreachable"},
    {1, 4, "destination port unreachable"},
    {1, 5, "source address failed a policy"},
    {1, 6, "route to the destination rejects"},
    {2, 0, "packet too big"},
    {3, 0, "hop limit exceeded on the way"},
    {3, 1, "not all fragments arrived in time"},
    {4, 0, "parameter problem: erroneous header field"},
    {4, 1, "parameter problem: unknown next header"},
    {4, 2, "parameter problem: unknown option"},
};

template <std::size_t N>
std::string find(const Row (&rows)[N], std::uint8_t type, std::uint8_t code) {
  for (const Row& row : rows) {
    if (row.type == type && row.code == code) return row.text;
  }
  return fmt::format("ICMP type {} code {}", type, code);
}

}  // namespace

std::string icmp_text(Family family, std::uint8_t type, std::uint8_t code) {
  return family == Family::kIpv4 ? find(kIcmpV4, type, code) : find(kIcmpV6, type, code);
}

}  // namespace netns_lab
