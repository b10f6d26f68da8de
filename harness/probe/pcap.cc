#include "harness/probe/pcap.h"

#include <linux/if_ether.h>

#include <cstring>

namespace netns_lab::probe {
namespace {

constexpr std::uint32_t kNanosecondMagic = 0xA1B23C4D;
constexpr std::uint32_t kLongestFrame = 262'144;  // the "snapshot length" of libpcap: nothing is cut
constexpr std::uint32_t kLinkTypeEthernet = 1;

template <typename T>
void append(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

}  // namespace

std::string pcap_file_header() {
  std::string header;
  append(header, kNanosecondMagic);
  append(header, std::uint16_t{2});  // version 2.4
  append(header, std::uint16_t{4});
  append(header, std::uint32_t{0});
  append(header, std::uint32_t{0});
  append(header, kLongestFrame);
  append(header, kLinkTypeEthernet);
  return header;
}

std::string pcap_record(std::chrono::nanoseconds time, LinkHeader header, std::uint16_t ether_type, Bytes frame) {
  const std::size_t added = header == LinkHeader::kNone ? ETH_HLEN : 0;
  const auto size = static_cast<std::uint32_t>(frame.size() + added);
  std::string record;
  record.reserve(16 + size);
  append(record, static_cast<std::uint32_t>(time.count() / 1'000'000'000));
  append(record, static_cast<std::uint32_t>(time.count() % 1'000'000'000));
  append(record, size);
  append(record, size);
  if (added != 0) {
    record.append(12, '\0');
    record += static_cast<char>(ether_type >> 8);
    record += static_cast<char>(ether_type & 0xFF);
  }
  record.append(reinterpret_cast<const char*>(frame.data()), frame.size());
  return record;
}

}  // namespace netns_lab::probe
