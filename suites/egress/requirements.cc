#include "suites/egress/requirements.h"

#include <string>
#include <utility>

#include "suites/bridge/requirements.h"
#include "suites/common/catalogue.h"

namespace netns_lab::egress {
namespace {

std::vector<Requirement> masquerade(const suites::Catalogue& of) {
  const std::vector<std::string> way_out = {"gateway-chosen"};
  const auto why_each =
      "Rules name protocols, and helpers treat them differently: one that is translated proves nothing "
      "for the others.";
  return {
      of.must("nat-table", "nft(8), TABLES; iptables(8), -t nat",
              "The node has the table of $NFT_TABLE (of the old iptables, the table of that name), in effect and with "
              "a rule.",
              {},
              "It is the one table that is declared: rules elsewhere are nobody's, and are not taken down with it."),
      of.must("gateway-chosen", "tutorial part 2, setting the default routes; RFC 1122, 3.3.1.1",
              "Each container's kernel sends packets to the outside via the bridge's address, out of its own link and "
              "from its own address.",
              {}, "What does not go by the node is translated by nobody."),
      of.must("echoes-masqueraded", "RFC 3022, 2.2 and 4.1; RFC 5508, 3.1 (REQ-1); iptables-extensions(8), MASQUERADE",
              "Every echo request from each container arrives at the outside from the node's uplink address, with TTL "
              "63 and its payload intact, and its one answer comes back to the container from the outside.",
              way_out, "Nobody outside knows a way back to a container's own address: its packets are not answered."),
      of.must("udp-masqueraded", "RFC 3022, 4.1; RFC 4787, 4.1",
              "What each container sends to the outside by UDP arrives there from the node's uplink address and is "
              "echoed intact.",
              way_out, why_each),
      of.must(
          "tcp-masqueraded", "RFC 3022, 4.1; RFC 5382, 4.1 (REQ-1)",
          "A TCP connection of each container to the outside comes there from the node's uplink address and carries "
          "data and its echo intact.",
          way_out, why_each),
      of.must("answers-apart", "RFC 3022, 2.2; RFC 4787, 4.2.1 (REQ-3); RFC 5508, 3.1",
              "When both containers use the same echo identifier, and the same UDP or TCP port to the same server, one "
              "after the other, each has its own answers.",
              {"echoes-masqueraded", "udp-masqueraded", "tcp-masqueraded"},
              "From outside both look alike: an answer that goes to the wrong container is lost, or believed."),
  };
}

std::vector<Requirement> left_alone(const suites::Catalogue& of) {
  return {
      of.must(
          "containers-own-source", "RFC 3022, 2; nft(8), masquerade; Documentation/networking/bridge.rst",
          "Echoes, UDP and TCP from each container to the other arrive with its own address as their source, by which "
          "the other's sockets know it, too, and, echoes, with TTL 64, intact, and are answered.",
          {}, "Masqueraded, every container looks to the others like the node: no policy, no log tells them apart."),
      of.must("node-sees-own-source", "RFC 3022, 2; nft(8), masquerade",
              "Echoes from each container to the node's uplink address and to the bridge's, and UDP and TCP to the "
              "former, arrive with its own address as their source, by which the node's sockets know it, too, and are "
              "answered.",
              {}, "What the node serves to its containers it cannot tell apart any more."),
      of.must("node-untouched", "RFC 3022, 2",
              "The node's own echoes, UDP and TCP to the outside arrive there from its uplink address and its own "
              "port or identifier, echoes with TTL 64, intact, and are answered.",
              {}, "A rule for everybody catches the machine itself, too."),
  };
}

std::vector<Requirement> whole(const suites::Catalogue& of) {
  const std::vector<std::string> way_out = {"echoes-masqueraded"};
  return {
      of.must("icmp-errors", "RFC 5508, 4.1 and 4.2 (REQ-3, REQ-4); RFC 3022, 4.3; RFC 1122, 4.1.3.3",
              "When the outside says that nobody listens (port unreachable), the kernel of the container that sent the "
              "datagram takes it for its own socket's: the packet inside the error is translated back, too.",
              {"udp-masqueraded"},
              "Without it a refused connection hangs until its time is over, and path MTU discovery does not work."),
      of.must("full-mtu", "RFC 894; RFC 1191; RFC 8200, 5",
              "Echoes from each container to the outside that fill the smaller MTU of its link and the uplink, with "
              "don't-fragment set, arrive there masqueraded, and are answered.",
              way_out, "Small packets pass and large ones do not: a connection opens and then hangs."),
      of.must("fragmented", "RFC 791, 3.2; RFC 8200, 4.5; RFC 4787, 11 (REQ-14)",
              "Echoes of twice the larger MTU of its link and the uplink from each container arrive at the outside in "
              "fragments, all of them "
              "masqueraded, are put together again and answered.",
              way_out, "Later fragments have no ports: what translates by port alone loses them."),
  };
}

}  // namespace

std::vector<Requirement> requirements() {
  const suites::Catalogue of("egress", "tutorial part 2, with a way out");
  std::vector<Requirement> own = bridge::settings(of, "links", "links", /*may_be_hairpins=*/true);
  suites::add(own, masquerade(of));
  suites::add(own, left_alone(of));
  suites::add(own, whole(of));
  std::vector<Requirement> all = of.as_declared(std::move(own), "echoes-masqueraded");
  suites::reword(
      all, "egress.no-other-packet-filters",
      "No nftables table but that of $NFT_TABLE, no rule or policy of the old iptables but in the table of "
      "that name, no policy or state of IPsec (xfrm) and no XDP program was added, on the node or in a namespace; "
      "and that table does nothing to packets but give them another source (masquerade, snat).");
  suites::reword(
      all, "egress.tear-down",
      "After tear-down, once the kernel has deleted the links, the node is exactly as before the build; of a "
      "table of iptables its chains may be left, without rules and accepting everything.");
  return all;
}

}  // namespace netns_lab::egress
