// What iptables asks for by its own matches, and has done by its own targets, as fields of a packet
// (linux/netfilter/xt_*.h; of rules of iptables for nf_tables net/netfilter/nft_compat.c hands them over as they are).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/packet_rules.h"
#include "harness/netlink/message.h"

namespace netns_lab::netlink {

// One that is not known to hold or not.
PacketMatch unknown_match();

// What a match asks for, all of it; of one that is not known, and of any bytes that are none of its structure, unknown.
std::vector<PacketMatch> matches_of(const std::string& name, Bytes info);

// MARK and CONNMARK --restore-mark as a step "mark"; nothing where the target leaves the mark as it is.
std::optional<PacketStep> mark_of(const std::string& target, Bytes info);

}  // namespace netns_lab::netlink
