// Classic pcap with nanosecond stamps (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html),
// LINKTYPE_ETHERNET, in the machine's byte order.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "harness/probe/frame.h"
#include "harness/probe/wire.h"

namespace netns_lab::probe {

std::string pcap_file_header();
// A frame of a link without a link header gets an Ethernet header of zeros with `ether_type`, so that one file holds
// all links. `time` since the epoch.
std::string pcap_record(std::chrono::nanoseconds time, LinkHeader header, std::uint16_t ether_type, Bytes frame);

}  // namespace netns_lab::probe
