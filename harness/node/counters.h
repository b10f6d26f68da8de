// The kernel's statistics of one namespace: /proc/net/snmp, netstat, snmp6 and dev (net/ipv4/proc.c, net/ipv6/proc.c,
// net/core/net-procfs.c).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/error.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {

using Counters = std::map<std::string, std::uint64_t>;

// A line of names and one of numbers for each protocol: "Ip: InReceives …" and "Ip: 7 …" give "Ip.InReceives". What is
// no number is left out (Ip.DefaultTTL may be negative nowhere, Tcp.MaxConn is -1).
Counters parse_paired_counters(std::string_view text);
// A name and a number on each line: "Ip6InReceives 7".
Counters parse_named_counters(std::string_view text);
// Of each interface (beside "veth1.queue_dropped", which netlink tells) "veth1.rx_dropped" and "veth1.tx_dropped", in
// packets.
Counters parse_device_counters(std::string_view text);
// Of /proc/net/softnet_stat, a line of hexadecimal numbers each processor, the second of which says how many packets
// the kernel dropped because that processor's backlog was full (net/core/net-procfs.c, softnet_seq_show): their sum, of
// the whole machine; nothing when there is no such line.
std::optional<std::uint64_t> parse_backlog_drops(std::string_view text);
// The same of this machine, by the kernel's file.
Result<std::uint64_t> read_backlog_drops();

// All of them, as far as the kernel has them (a kernel without IPv6 has no snmp6).
Result<Counters> read_counters(const NetworkNamespace& network_namespace);

}  // namespace netns_lab::node
