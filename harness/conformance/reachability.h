// Was a destination reached? Judged at the receiver: every request was seen on the far interface as it must look there,
// every reply on the expected way back, each once.
//
//   EchoExpectation want;
//   want.reply_from = container;
//   want.way = Way{"", "veth1", "netns1", "veth2"};
//   for (const std::string& finding : echo_findings(report, want)) ...
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/model/echo.h"
#include "harness/model/exchange.h"

namespace netns_lab {

// The two interfaces between a sender and a receiver on one link.
struct Way {
  std::string near_namespace;
  std::string near_link;
  std::string far_namespace;
  std::string far_link;
  Way reversed() const { return {far_namespace, far_link, near_namespace, near_link}; }
};
std::string to_string(const Way& way);  // "veth1 (the node) to veth2 (netns1)"

struct EchoExpectation {
  std::optional<IpAddress> reply_from;    // replies come from this address
  std::optional<IpAddress> request_from;  // at the receiver, requests come from this address
  std::optional<Way> way;                 // requests cross it, and replies come back across it
  std::optional<std::uint8_t> ttl;        // of requests at the receiver, and of replies back at the sender
  bool payload_intact = false;            // at the receiver, and of the replies
  bool fragmented = false;                // requests arrive in more than one piece
};

// What contradicts "every echo was answered, once", one line per finding; identical findings of several echoes are told
// once, with their number. A report without echoes is a finding: nothing was sent, nothing is proved.
std::vector<std::string> echo_findings(const EchoReport& report, const EchoExpectation& want);

// What contradicts "the sender's kernel refused every echo with `system_errno`, and nothing was seen at the receiver".
std::vector<std::string> refusal_findings(const EchoReport& report, int system_errno, const Way& way);

// What contradicts "everything sent came back intact, across this way".
std::vector<std::string> exchange_findings(const ExchangeReport& report, const std::optional<Way>& way);

// What contradicts "nothing of this probe arrived at that interface".
std::vector<std::string> arrival_findings(const EchoReport& report, const std::string& network_namespace,
                                          const std::string& link);

// What contradicts "every request arrived there, with this TTL", whatever became of the replies.
std::vector<std::string> delivery_findings(const EchoReport& report, const std::string& network_namespace,
                                           const std::string& link, std::uint8_t ttl);

// What contradicts "the near end asked for `address` by broadcast (ARP) or solicited-node multicast (ND), and `mac`
// answered", across `way`.
std::vector<std::string> resolution_findings(const EchoReport& report, const Way& way, const MacAddress& near_mac,
                                             const MacAddress& far_mac);

}  // namespace netns_lab
