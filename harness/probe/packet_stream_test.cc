#include "harness/probe/packet_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/probe/pcap.h"
#include "harness/probe/prober.h"
#include "harness/probe/test_network.h"

namespace netns_lab::probe {
namespace {

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

TEST(Pcap, BeginsWithTheNanosecondMagicAndEthernet) {
  const std::string header = pcap_file_header();
  ASSERT_EQ(header.size(), 24U);
  EXPECT_EQ(number_at(header, 0), 0xA1B23C4DU);
  EXPECT_EQ(number_at(header, 20), 1U);
}

TEST(Pcap, GivesAPacketWithoutALinkHeaderOne) {
  const std::vector<std::uint8_t> packet{0x45, 0, 0, 20};
  const std::string record =
      pcap_record(std::chrono::seconds(3) + std::chrono::nanoseconds(5), LinkHeader::kNone, 0x0800, packet);
  EXPECT_EQ(number_at(record, 0), 3U);
  EXPECT_EQ(number_at(record, 4), 5U);
  EXPECT_EQ(number_at(record, 8), 18U);
  EXPECT_EQ(record.substr(16 + 12), std::string("\x08\x00\x45\x00\x00\x14", 6));
}

// The records of a stream: lengths, and that they fill it exactly.
std::vector<std::uint32_t> record_sizes(const std::string& stream) {
  std::vector<std::uint32_t> sizes;
  std::size_t at = 24;
  while (at + 16 <= stream.size()) {
    sizes.push_back(number_at(stream, at + 8));
    at += 16 + sizes.back();
  }
  EXPECT_EQ(at, stream.size());
  return sizes;
}

TEST(PacketStream, HoldsEveryPacketInPiecesOfAnySize) {
  const TestPair pair;
  auto stream = PacketStream::open(test_socket, "far", "right");
  ASSERT_TRUE(stream) << stream.error();
  Prober prober(test_socket);
  EchoSpec spec;
  spec.network_namespace = "near";
  spec.destination = address(TestPair::kFar);
  spec.payload_size = 500;
  ASSERT_EQ(prober.echo(std::span(&spec, 1))->front().answered(), 3U);
  std::string bytes;
  for (;;) {
    const auto piece = stream->read(7, Deadline::passed_already());
    ASSERT_TRUE(piece) << piece.error();
    EXPECT_LE(piece->size(), 7U);
    if (piece->empty()) break;
    bytes += *piece;
  }
  const auto sizes = record_sizes(bytes);
  EXPECT_EQ(std::ranges::count(sizes, 14U + 20 + 8 + 500), 6);
  EXPECT_EQ(stream->drops(), 0U);
}

TEST(PacketStream, WaitsNoLongerThanItMay) {
  const TestNamespace quiet("quiet");
  auto stream = PacketStream::open(test_socket, "quiet", "");
  ASSERT_TRUE(stream) << stream.error();
  EXPECT_EQ(stream->read(1024, Deadline::never())->size(), 24U);  // the header is there at once
  EXPECT_EQ(stream->read(1024, Deadline::after(std::chrono::milliseconds(20))).value(), "");
}

TEST(PacketStream, RefusesALinkThatIsNotThere) {
  const TestNamespace quiet("quiet");
  EXPECT_EQ(PacketStream::open(test_socket, "quiet", "nolink").error().system_errno, ENODEV);
  EXPECT_EQ(PacketStream::open(test_socket, "none", "").error().system_errno, ENOENT);
}

}  // namespace
}  // namespace netns_lab::probe
