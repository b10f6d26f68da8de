#include "harness/conformance/encapsulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

namespace netns_lab {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Packet = std::string;

void put16(Packet& out, unsigned value) {
  out += static_cast<char>(value >> 8U & 0xFFU);
  out += static_cast<char>(value & 0xFFU);
}

// What goes into one packet; a test changes one thing.
struct Parts {
  IpAddress outer_source = IpAddress::v4(10, 0, 0, 10);
  IpAddress outer_destination = IpAddress::v4(10, 0, 1, 20);
  std::uint8_t outer_ttl = 64;
  bool fragment = false;
  std::uint16_t port = 4789;
  std::uint8_t flags = 0x08;
  std::uint32_t vni = 42;
  std::uint8_t last_reserved = 0;
  MacAddress inner_source{{0x02, 0, 0, 0, 0, 1}};
  MacAddress inner_destination{{0x02, 0, 0, 0, 0, 2}};
  IpAddress inner_from = IpAddress::v4(172, 16, 0, 2);
  IpAddress inner_to = IpAddress::v4(172, 16, 1, 2);
  std::uint8_t inner_ttl = 63;
  bool request = true;
  std::uint16_t sequence = 1;
};
constexpr std::uint16_t kIdentifier = 0x1234;

Packet ip(const IpAddress& from, const IpAddress& to, std::uint8_t ttl, std::uint8_t protocol, const Packet& payload,
          bool fragment = false) {
  Packet out("\x45\x00", 2);
  put16(out, static_cast<unsigned>(20 + payload.size()));
  put16(out, 7);
  put16(out, fragment ? 0x2000U : 0U);
  out += static_cast<char>(ttl);
  out += static_cast<char>(protocol);
  put16(out, 0);
  for (const IpAddress& address : {from, to}) {
    for (const std::uint8_t byte : address.bytes()) out += static_cast<char>(byte);
  }
  return out + payload;
}

Packet frame(const MacAddress& from, const MacAddress& to, const Packet& packet) {
  Packet out;
  for (const MacAddress& mac : {to, from}) {
    for (const std::uint8_t byte : mac.bytes()) out += static_cast<char>(byte);
  }
  put16(out, 0x0800);
  return out + packet;
}

Packet inner_of(const Parts& parts) {
  Packet echo;
  echo += static_cast<char>(parts.request ? 8 : 0);
  echo += '\0';
  put16(echo, 0);
  put16(echo, kIdentifier);
  put16(echo, parts.sequence);
  return ip(parts.inner_from, parts.inner_to, parts.inner_ttl, 1, echo);
}

Packet udp(std::uint16_t port, const Packet& payload) {
  Packet out;
  put16(out, 50'000);
  put16(out, port);
  put16(out, static_cast<unsigned>(8 + payload.size()));
  put16(out, 0);
  return out + payload;
}

Packet vxlan_frame(const Parts& parts) {
  Packet header(1, static_cast<char>(parts.flags));
  header.append(3, '\0');
  header += static_cast<char>(parts.vni >> 16U);
  put16(header, parts.vni & 0xFFFFU);
  header += static_cast<char>(parts.last_reserved);
  const Packet inside = frame(parts.inner_source, parts.inner_destination, inner_of(parts));
  return frame({}, {},
               ip(parts.outer_source, parts.outer_destination, parts.outer_ttl, 17, udp(parts.port, header + inside),
                  parts.fragment));
}

Packet pcap_of(const std::vector<Packet>& frames) {
  const auto put_native = [](Packet& out, std::uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xFFU);
  };
  Packet out;
  put_native(out, 0xA1B23C4D);
  out.append(20, '\0');
  for (const Packet& one : frames) {
    out.append(8, '\0');
    put_native(out, static_cast<std::uint32_t>(one.size()));
    put_native(out, static_cast<std::uint32_t>(one.size()));
    out += one;
  }
  return out;
}

Parts answer() {
  Parts parts;
  std::swap(parts.outer_source, parts.outer_destination);
  std::swap(parts.inner_source, parts.inner_destination);
  std::swap(parts.inner_from, parts.inner_to);
  parts.request = false;
  parts.outer_ttl = 63;
  return parts;
}

EchoReport echoes() {
  EchoReport report;
  report.identifier = kIdentifier;
  report.echoes.emplace_back().sequence = 1;
  return report;
}

Encapsulation wanted() {
  Encapsulation want;
  want.place = "node-1's eth0";
  want.near_tunnel = IpAddress::v4(10, 0, 0, 10);
  want.far_tunnel = IpAddress::v4(10, 0, 1, 20);
  want.sender = IpAddress::v4(172, 16, 0, 2);
  want.receiver = IpAddress::v4(172, 16, 1, 2);
  want.far_ttl = 63;
  want.headers = 50;
  want.vni = 42;
  want.near_mac = MacAddress({0x02, 0, 0, 0, 0, 1});
  want.far_mac = MacAddress({0x02, 0, 0, 0, 0, 2});
  return want;
}

std::vector<UnderlayPacket> read(const std::vector<Packet>& frames, bool vxlan = true) {
  return read_underlay(pcap_of(frames), {.port = 4789, .vxlan = vxlan}).value();
}
std::vector<UnderlayPacket> with(const std::function<void(Parts&)>& change) {
  Parts request;
  change(request);
  return read({vxlan_frame(request), vxlan_frame(answer())});
}

TEST(Encapsulation, ARightPairHasNoFindings) {
  const auto packets = with([](Parts&) {});
  EXPECT_THAT(outer_findings(packets, echoes(), wanted()), IsEmpty());
  EXPECT_THAT(header_findings(packets, echoes(), wanted()), IsEmpty());
  EXPECT_THAT(inner_findings(packets, echoes(), wanted()), IsEmpty());
  EXPECT_THAT(bare_findings(packets, {Prefix::parse("172.16.0.0/24").value()}, "here"), IsEmpty());
  EXPECT_THAT(stray_findings(packets, 4789, {wanted().near_tunnel, wanted().far_tunnel}, "here"), IsEmpty());
}

using Judge = std::vector<std::string> (*)(const std::vector<UnderlayPacket>&, const EchoReport&, const Encapsulation&);
struct WrongRow {
  const char* name;
  Judge judge;
  void (*change)(Parts&);
  const char* said;
};
void PrintTo(const WrongRow& row, std::ostream* out) { *out << row.name; }

class WrongPacket : public testing::TestWithParam<WrongRow> {};
TEST_P(WrongPacket, IsFound) {
  EXPECT_THAT(GetParam().judge(with(GetParam().change), echoes(), wanted()), Contains(HasSubstr(GetParam().said)));
}
INSTANTIATE_TEST_SUITE_P(
    Rows, WrongPacket,
    testing::Values(
        WrongRow{"OuterSource", outer_findings, [](Parts& p) { p.outer_source = IpAddress::v4(10, 0, 0, 11); },
                 "requests are carried from 10.0.0.11 to 10.0.1.20, not from 10.0.0.10 to 10.0.1.20"},
        WrongRow{"OuterTtl", outer_findings, [](Parts& p) { p.outer_ttl = 10; }, "outer TTL 10, not 64"},
        WrongRow{"Port", outer_findings, [](Parts& p) { p.port = 8472; }, "request 1 is in no packet of the tunnel"},
        WrongRow{"PortIsTold", outer_findings, [](Parts& p) { p.port = 8472; },
                 "seen there: UDP to port 8472 from 10.0.0.10 to 10.0.1.20"},
        WrongRow{"Fragment", outer_findings, [](Parts& p) { p.fragment = true; },
                 "seen there: fragments from 10.0.0.10 to 10.0.1.20"},
        WrongRow{"Vni", header_findings, [](Parts& p) { p.vni = 43; }, "carried in network 43, not 42"},
        WrongRow{"NoValidFlag", header_findings, [](Parts& p) { p.flags = 0; }, "without its I flag"},
        WrongRow{"OtherFlag", header_findings, [](Parts& p) { p.flags = 0x88; }, "reserved bits are not all zero"},
        WrongRow{"ReservedByte", header_findings, [](Parts& p) { p.last_reserved = 1; },
                 "reserved bits are not all zero"},
        WrongRow{"InnerSource", inner_findings, [](Parts& p) { p.inner_from = IpAddress::v4(172, 16, 99, 2); },
                 "inside, requests are from 172.16.99.2 to 172.16.1.2, not from 172.16.0.2 to 172.16.1.2"},
        WrongRow{"InnerTtl", inner_findings, [](Parts& p) { p.inner_ttl = 64; },
                 "inside, requests have TTL 64, not 63"},
        WrongRow{"InnerMac", inner_findings,
                 [](Parts& p) {
                   p.inner_destination = MacAddress({2, 0, 0, 0, 0, 9});
                 },
                 "are frames from 02:00:00:00:00:01 to 02:00:00:00:00:09"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Encapsulation, OnePacketTwiceIsAFinding) {
  const auto packets = read({vxlan_frame({}), vxlan_frame({}), vxlan_frame(answer())});
  EXPECT_THAT(outer_findings(packets, echoes(), wanted()), ElementsAre(HasSubstr("request 1 is there 2 times")));
}

TEST(Encapsulation, NoEchoProvesNothing) {
  EXPECT_THAT(outer_findings({}, EchoReport(), wanted()), ElementsAre(HasSubstr("nothing is proved")));
  EXPECT_THAT(stray_findings({}, 4789, {}, "here"), ElementsAre(HasSubstr("nothing goes to UDP port 4789")));
}

TEST(Encapsulation, TheSizeOfTheOuterPacketIsJudgedWhereItIsWanted) {
  Encapsulation want = wanted();
  want.outer_size = 1500;
  EXPECT_THAT(outer_findings(with([](Parts&) {}), echoes(), want), ElementsAre(HasSubstr("78 bytes, not 1500")));
}

TEST(Encapsulation, BarePacketsInUdpHaveTheirHeaderCounted) {
  const Parts parts;
  const Packet request =
      frame({}, {}, ip(parts.outer_source, parts.outer_destination, 64, 17, udp(4789, inner_of(parts))));
  Encapsulation want = wanted();
  want.vni.reset();
  want.headers = 28;
  const auto packets = read({request}, false);
  ASSERT_EQ(packets.size(), 1U);
  ASSERT_TRUE(packets.front().inner);
  EXPECT_EQ(packets.front().inner->destination, parts.inner_to);
  EXPECT_THAT(header_findings(packets, echoes(), want), Contains(HasSubstr("answer 1 is in no packet")));
  want.headers = 32;
  EXPECT_THAT(header_findings(packets, echoes(), want), Contains(HasSubstr("28 bytes stand before the inner packet")));
}

TEST(Encapsulation, WhatGoesElsewhereOrPastTheTunnelIsFound) {
  Parts parts;
  parts.outer_destination = IpAddress::v4(10, 0, 0, 99);
  EXPECT_THAT(stray_findings(read({vxlan_frame(parts)}), 4789, {wanted().near_tunnel, wanted().far_tunnel}, "here"),
              ElementsAre(HasSubstr("goes to 10.0.0.99")));
  EXPECT_THAT(bare_findings(read({frame({}, {}, inner_of({}))}), {Prefix::parse("172.16.1.0/24").value()}, "here"),
              ElementsAre(HasSubstr("from 172.16.0.2 to 172.16.1.2 outside of any tunnel")));
}

TEST(Encapsulation, AnythingThatIsNoCaptureIsRefused) {
  EXPECT_FALSE(read_underlay("", {}));
  EXPECT_FALSE(read_underlay(std::string(24, 'x'), {}));
  const Packet whole = pcap_of({vxlan_frame({})});
  for (std::size_t size = 25; size < whole.size(); ++size)
    EXPECT_FALSE(read_underlay(whole.substr(0, size), {.port = 4789, .vxlan = true})) << size;
}

TEST(Encapsulation, PacketsCutShortAreReadWithoutHarm) {
  const Packet whole = vxlan_frame({});
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto packets = read_underlay(pcap_of({whole.substr(0, size)}), {.port = 4789, .vxlan = true});
    ASSERT_TRUE(packets) << size;
  }
}

}  // namespace
}  // namespace netns_lab
