// The decoders against packets written by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "harness/base/unique_fd.h"
#include "harness/probe/checksum.h"
#include "harness/probe/frame.h"
#include "harness/probe/icmp.h"
#include "harness/probe/payload.h"
#include "harness/probe/reassembly.h"
#include "harness/probe/socket_filter.h"

namespace netns_lab::probe {
namespace {

using Packet = std::vector<std::uint8_t>;

Packet bytes_of(std::string_view hex) {
  Packet bytes;
  std::string digits;
  for (const char digit : hex) {
    if (digit != ' ') digits += digit;
  }
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(digits.substr(at, 2), nullptr, 16)));
  }
  return bytes;
}

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

// An echo request of 4 bytes from 10.0.0.1 to 10.0.0.2, identifier 0x1234, sequence 5.
const char* const kEchoIpv4 = "4500 0020 0001 0000 4001 66da 0a000001 0a000002 0800 0000 1234 0005 61626364";

TEST(Checksum, IsThatOfTheExampleInRfc1071) {
  EXPECT_EQ(internet_checksum(bytes_of("0001 f203 f4f5 f6f7")), 0x220D);
  EXPECT_EQ(internet_checksum(bytes_of("0001 f203 f4f5 f6f7 220d")), 0);
  EXPECT_EQ(internet_checksum(bytes_of("01")), 0xFEFF);
}

TEST(Payload, IsDistinctPerSequenceAndPerProbe) {
  const PayloadPattern pattern(1);
  Packet first(100);
  Packet second(100);
  pattern.fill(1, first);
  pattern.fill(2, second);
  EXPECT_NE(first, second);
  EXPECT_TRUE(pattern.matches(1, 100, first));
  EXPECT_FALSE(pattern.matches(2, 100, first));
  EXPECT_FALSE(PayloadPattern(2).matches(1, 100, first));
  EXPECT_FALSE(pattern.matches(1, 99, first));
  for (std::size_t at = 0; at < first.size(); ++at) {
    Packet changed = first;
    changed[at] ^= 0x10;
    EXPECT_FALSE(pattern.matches(1, 100, changed)) << at;
  }
}

TEST(Payload, OfAnySizeIsTheBeginningOfALongerOne) {
  const PayloadPattern pattern(1);
  Packet longest(24);
  pattern.fill(1, longest);
  for (std::uint32_t size = 0; size <= longest.size(); ++size) {
    Packet payload(size);
    pattern.fill(1, payload);
    EXPECT_EQ(payload, Packet(longest.begin(), longest.begin() + size));
    EXPECT_TRUE(pattern.matches(1, size, payload)) << size;
  }
}

TEST(IpPacket, IsReadWithoutItsPadding) {
  Packet bytes = bytes_of(kEchoIpv4);
  bytes.resize(46);
  const auto packet = parse_ip(Family::kIpv4, bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->source, address("10.0.0.1"));
  EXPECT_EQ(packet->destination, address("10.0.0.2"));
  EXPECT_EQ(packet->ttl, 64);
  EXPECT_EQ(packet->payload.size(), 12U);
  EXPECT_FALSE(packet->fragment);
}

TEST(IpPacket, IsRefusedWhenShorterThanItSays) {
  const Packet bytes = bytes_of(kEchoIpv4);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(parse_ip(Family::kIpv4, Bytes(bytes).first(size))) << size;
  }
  EXPECT_TRUE(parse_ip(Family::kIpv4, Bytes(bytes).first(28), Truncation::kAllowed));
}

TEST(IpPacket, OfIpv6IsReadBehindItsExtensionHeaders) {
  const Packet bytes = bytes_of(
      "6000 0000 0018 00 40 fd000000000000000000000000000001 fd000000000000000000000000000002"
      "2c00 0104 0000 0000"  // hop by hop, padded
      "3a00 0001 0000 002a"  // first fragment, more follow
      "8000 0000 1234 0005");
  const auto packet = parse_ip(Family::kIpv6, bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->protocol, 58);
  ASSERT_TRUE(packet->fragment);
  EXPECT_EQ(packet->fragment->identification, 42U);
  EXPECT_TRUE(packet->fragment->more);
  EXPECT_EQ(packet->payload.size(), 8U);
}

TEST(Icmp, QuotesWhatAnErrorIsAbout) {
  Packet bytes = bytes_of("0304 0000 0000 0258");
  const Packet quoted = bytes_of(kEchoIpv4);
  bytes.insert(bytes.end(), quoted.begin(), quoted.begin() + 28);
  const auto message = parse_icmp(Family::kIpv4, bytes);
  ASSERT_TRUE(message && message->quote);
  EXPECT_EQ(message->kind, IcmpKind::kProblem);
  EXPECT_EQ(message->mtu, 600U);
  EXPECT_TRUE(message->quote->is_echo_request);
  EXPECT_EQ(message->quote->identifier, 0x1234);
  EXPECT_EQ(message->quote->sequence, 5);
  EXPECT_EQ(message->quote->destination, address("10.0.0.2"));
}

TEST(Icmp, TooShortForAQuoteHasNone) {
  const auto message = parse_icmp(Family::kIpv4, bytes_of("0301 0000 0000 0000 4500"));
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->quote);
  EXPECT_FALSE(parse_icmp(Family::kIpv4, bytes_of("0301 0000")));
}

TEST(Icmp, ReadsANeighbourAdvertisement) {
  const auto message =
      parse_icmp(Family::kIpv6, bytes_of("8800 0000 6000 0000 fd000000000000000000000000000002 0201 020000000001"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->kind, IcmpKind::kNeighbourDiscovery);
  EXPECT_EQ(message->neighbour, address("fd00::2"));
  EXPECT_EQ(message->link_layer_address, MacAddress::parse("02:00:00:00:00:01").value());
}

TEST(Frame, HoldsArp) {
  const auto frame = parse_frame(LinkHeader::kEthernet, 0,
                                 bytes_of("ffffffffffff 020000000001 0806 0001 0800 06 04 0001"
                                          "020000000009 0a000001 000000000000 0a000002"));
  ASSERT_TRUE(frame && frame->arp);
  EXPECT_TRUE(frame->link_destination.is_broadcast());
  EXPECT_EQ(frame->arp->operation, 1);
  EXPECT_EQ(frame->arp->sender, address("10.0.0.1"));
  EXPECT_EQ(frame->arp->target, address("10.0.0.2"));
  EXPECT_EQ(frame->arp->sender_hardware, MacAddress::parse("02:00:00:00:00:09").value());
}

TEST(Frame, BehindAVlanTagIsRead) {
  Packet bytes = bytes_of("020000000002 020000000001 8100 0007 0800");
  const Packet packet = bytes_of(kEchoIpv4);
  bytes.insert(bytes.end(), packet.begin(), packet.end());
  const auto frame = parse_frame(LinkHeader::kEthernet, 0, bytes);
  ASSERT_TRUE(frame && frame->ip);
}

// A fragment of one packet.
IpPacket piece(Bytes payload, std::uint32_t offset, bool more, std::uint32_t identification = 1) {
  IpPacket packet;
  packet.protocol = 1;
  packet.payload = payload;
  packet.fragment = IpFragment{identification, offset, more};
  return packet;
}

TEST(Reassembly, PutsPiecesTogetherInAnyOrder) {
  const Packet whole = bytes_of("0001020304050607 08090a0b0c0d0e0f 1011");
  const Bytes all(whole);
  std::vector<IpPacket> pieces{piece(all.first(8), 0, true), piece(all.subspan(8, 8), 8, true),
                               piece(all.subspan(16), 16, false)};
  std::vector<std::size_t> order{0, 1, 2};
  do {
    Reassembly reassembly;
    EXPECT_FALSE(reassembly.add(0, pieces[order[0]]));
    EXPECT_FALSE(reassembly.add(0, pieces[order[0]]));  // once more changes nothing but the count
    EXPECT_FALSE(reassembly.add(0, pieces[order[1]]));
    const auto done = reassembly.add(0, pieces[order[2]]);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->payload, whole);
    EXPECT_EQ(done->fragments, 4U);
    EXPECT_THAT(reassembly.take_unfinished(), testing::IsEmpty());
  } while (std::ranges::next_permutation(order).found);
}

TEST(Reassembly, KeepsPacketsAndPlacesApart) {
  const Packet whole(16);
  const Bytes all(whole);
  Reassembly reassembly;
  EXPECT_FALSE(reassembly.add(0, piece(all.first(8), 0, true)));
  EXPECT_FALSE(reassembly.add(1, piece(all.subspan(8), 8, false)));
  EXPECT_FALSE(reassembly.add(0, piece(all.subspan(8), 8, false, 2)));
  EXPECT_THAT(reassembly.take_unfinished(), testing::SizeIs(3));
}

TEST(Reassembly, ForgetsTheOldestWhenThereIsTooMuch) {
  const Packet half(1000);
  Reassembly reassembly(10'000);
  for (std::uint32_t identification = 0; identification < 100; ++identification) {
    reassembly.add(0, piece(half, 0, true, identification));
  }
  const auto left = reassembly.take_unfinished();
  ASSERT_THAT(left, testing::SizeIs(testing::Le(10U)));
  EXPECT_EQ(left.back().first.identification, 99U);
}

// What a filter lets through a socket; packet sockets cannot be fed by hand, a datagram of a socket pair begins where a
// raw socket's packet does.
bool lets_through(const SocketFilter& filter, const Packet& packet) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0) throw std::runtime_error("no socket pair");
  const UniqueFd in(pair[0]);
  const UniqueFd out(pair[1]);
  if (!filter.attach_to(out.get())) throw std::runtime_error("the kernel refuses the filter");
  ::send(in.get(), packet.data(), packet.size(), MSG_DONTWAIT);
  std::uint8_t byte = 0;
  return ::recv(out.get(), &byte, 1, MSG_DONTWAIT) >= 0;
}

struct FilterRow {
  const char* name;
  Family family;
  const char* packet;
  bool passes;
};
class RawFilter : public testing::TestWithParam<FilterRow> {};
TEST_P(RawFilter, LetsAnswersThroughOnly) {
  const SocketFilter filter = SocketFilter::echo_replies(GetParam().family, IdentifierRange{0x1234, 2});
  EXPECT_EQ(lets_through(filter, bytes_of(GetParam().packet)), GetParam().passes);
}
INSTANTIATE_TEST_SUITE_P(
    On, RawFilter,
    testing::Values(
        FilterRow{"Reply", Family::kIpv4, "4500 0020 0001 0000 4001 0000 0a000001 0a000002 0000 0000 1234 0005", true},
        FilterRow{"ReplyLastOfRange", Family::kIpv4,
                  "4500 0020 0001 0000 4001 0000 0a000001 0a000002 0000 0000 1235 0005", true},
        FilterRow{"ReplyPastRange", Family::kIpv4,
                  "4500 0020 0001 0000 4001 0000 0a000001 0a000002 0000 0000 1236 0005", false},
        FilterRow{"ReplyBeforeRange", Family::kIpv4,
                  "4500 0020 0001 0000 4001 0000 0a000001 0a000002 0000 0000 1233 0005", false},
        FilterRow{"ReplyBehindOptions", Family::kIpv4,
                  "4600 0020 0001 0000 4001 0000 0a000001 0a000002 01010101 0000 0000 1234 0005", true},
        FilterRow{"ReplyBehindOptionsPastRange", Family::kIpv4,
                  "4600 0020 0001 0000 4001 0000 0a000001 0a000002 01010101 0000 0000 1236 0005", false},
        FilterRow{"Request", Family::kIpv4, kEchoIpv4, false},
        FilterRow{"Error", Family::kIpv4, "4500 0020 0001 0000 4001 0000 0a000001 0a000002 0301 0000 0000 0000", true},
        FilterRow{"Ipv6Reply", Family::kIpv6, "8100 0000 1235 0001", true},
        FilterRow{"Ipv6ReplyPastRange", Family::kIpv6, "8100 0000 1236 0001", false},
        FilterRow{"Ipv6Request", Family::kIpv6, "8000 0000 1234 0001", false},
        FilterRow{"Ipv6Error", Family::kIpv6, "0100 0000 0000 0000", true},
        FilterRow{"Ipv6NeighbourDiscovery", Family::kIpv6, "8800 0000 0000 0000", false}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::probe
