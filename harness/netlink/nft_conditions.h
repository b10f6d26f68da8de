// On what, beside addresses, links and connections, it depends whether the rules of a table translate a packet: read
// off the kernel's expressions (linux/netfilter/nf_tables.h, net/netfilter/nft_*.c; of iptables' rules
// linux/netfilter/xt_tcpudp.h, xt_multiport.h), from the base chains on, through jumps and maps. A few packets do not
// tell: a limit lets them pass, a port that nobody tried is another port.
#pragma once

#include <set>
#include <string>

#include "harness/netlink/nft_translation.h"

namespace netns_lab::netlink {

struct NftConditions {
  // Of what any translation depends on that has nothing to do with who talks to whom: "limit", "quota", "numgen",
  // "packet length", "TTL", "source port", "time", …
  std::set<std::string> odd;
  // How packets that source translation (masquerade, snat) is for are parted by transport or port: "all of it asks for
  // a protocol or port", "a rule before it lets some protocols or ports pass", "snat for some protocols or ports".
  std::set<std::string> parted;
};
NftConditions conditions_of_translations(const NftProgram& program);

}  // namespace netns_lab::netlink
