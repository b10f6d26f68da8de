// What a published port does to packets, read off captures on both sides of the translation: a client asks for
// `mapped`, and the server stands somewhere else, at `server` (RFC 3022, 2.2). It is a second opinion: neither what
// translated these packets nor what sent them is asked.
//
//   const std::vector<IpHeader> arrived = arrivals(packets, Transport::kTcp, want.server.address, want.mapped);
//   for (const std::string& finding : destination_findings(arrived, want)) …
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/conformance/encapsulation.h"
#include "harness/model/exchange.h"

namespace netns_lab {

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};
std::string to_string(const Endpoint& endpoint);  // "172.16.0.2 port 80"

struct Translation {
  Transport transport = Transport::kUdp;
  std::string client;              // for messages: "the outside"
  std::string place;               // of the server's link, for messages: "veth11 (netns1)"
  Endpoint mapped;                 // what the client asks for
  Endpoint server;                 // where that stands
  std::vector<IpAddress> sources;  // the server sees one of these
};

// Of `packets` those whole ones of that transport that are addressed to `own`, but for what `answering` says: a client
// may stand there, too.
std::vector<IpHeader> arrivals(const std::vector<IpHeader>& packets, Transport transport, const IpAddress& own,
                               const Endpoint& answering);

// Of these arrivals at the server's link: what contradicts "they are addressed to the server", "they come from one of
// the sources". That there are none is a finding.
std::vector<std::string> destination_findings(const std::vector<IpHeader>& arrived, const Translation& want);
std::vector<std::string> source_findings(const std::vector<IpHeader>& arrived, const Translation& want);

// Of what passed the client's link: what contradicts "every answer to `client` comes from what it asked for". That
// there are none is a finding.
std::vector<std::string> answer_findings(const std::vector<IpHeader>& packets, const Endpoint& client,
                                         const Translation& want);

// Of what passed the client's link: what contradicts "the errors (ICMP, ICMPv6) that it was told came from `speaker`".
// That there are none is a finding. What a link's neighbours tell each other (RFC 4861) is passed over.
std::vector<std::string> error_findings(const std::vector<IpHeader>& packets, const IpAddress& client,
                                        const IpAddress& speaker, const Translation& want);

}  // namespace netns_lab
