// What the kernel tells of packets that it drops: decoded, and the kernel's own.
#include "harness/node/drop_trace.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <linux/if_ether.h>

#include <cstring>
#include <string>
#include <vector>

#include "harness/node/network_fixture.h"
#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

using test::machine;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

constexpr std::uint32_t kUs = 42;
constexpr std::uint32_t kLength = 84;

DropFormats formats() {
  DropFormats made;
  made.dropped.id = 1;
  made.dropped.fields = {{"common_type", {0, 2}}, {"skbaddr", {8, 8}}, {"protocol", {16, 2}}, {"reason", {20, 4}}};
  made.dropped.symbols = {{2, "NOT_SPECIFIED"}, {16, "IP_RPFILTER"}, {12, "NETFILTER_DROP"}};
  made.consumed.id = 2;
  made.sent.id = 3;
  made.taken_in.id = 4;
  made.sent.fields =
      made.taken_in.fields = {{"common_type", {0, 2}}, {"skbaddr", {8, 8}}, {"len", {16, 4}}, {"name", {20, 8}}};
  return made;
}

struct Event {
  std::uint64_t time;
  std::uint16_t type;
  std::uint64_t packet;
  std::uint32_t length = 0;
  const char* link = "";
  std::uint32_t reason = 0;
  std::uint16_t protocol = ETH_P_IP;
  std::uint32_t process = kUs;
};

PerfSample sample(const Event& event) {
  std::vector<std::uint8_t> record(28, 0);
  std::memcpy(record.data(), &event.type, 2);
  std::memcpy(record.data() + 8, &event.packet, 8);
  if (event.type == 1) {
    std::memcpy(record.data() + 16, &event.protocol, 2);
    std::memcpy(record.data() + 20, &event.reason, 4);
  } else {
    std::memcpy(record.data() + 16, &event.length, 4);
    std::memcpy(record.data() + 20, event.link, std::strlen(event.link));
  }
  return {.process = event.process, .time = event.time, .record = std::move(record)};
}

std::vector<PacketDrop> drops(const std::vector<Event>& events, std::uint32_t length = kLength) {
  std::vector<PerfSample> samples;
  for (const Event& event : events) samples.push_back(sample(event));
  return drops_of(samples, formats(), kUs, {.is_v4 = true, .length = length});
}

TEST(Drops, AreToldWhereThePacketWasSeenLast) {
  EXPECT_THAT(drops({{.time = 2, .type = 4, .packet = 9, .length = 84, .link = "veth2"},
                     {.time = 3, .type = 1, .packet = 9, .reason = 16},
                     {.time = 1, .type = 3, .packet = 9, .length = 98, .link = "veth1"},
                     {.time = 4, .type = 4, .packet = 9, .length = 84, .link = "veth2"},
                     {.time = 5, .type = 1, .packet = 9, .reason = 16}}),
              ElementsAre(PacketDrop{.link = "veth2", .reason = "IP_RPFILTER", .times = 2}));
}

TEST(Drops, BeforeAnyInterfaceAreTold) {
  EXPECT_THAT(drops({{.time = 1, .type = 1, .packet = 9, .reason = 12}}),
              ElementsAre(PacketDrop{.link = "", .reason = "NETFILTER_DROP", .times = 1}));
}

TEST(Drops, OfOthersAreNot) {
  EXPECT_THAT(drops({{.time = 1, .type = 1, .packet = 9, .reason = 16, .process = kUs + 1}}), IsEmpty());
  EXPECT_THAT(drops({{.time = 1, .type = 1, .packet = 9, .reason = 16, .protocol = ETH_P_IPV6}}), IsEmpty());
  EXPECT_THAT(drops({{.time = 1, .type = 4, .packet = 9, .length = 60, .link = "veth2"},
                     {.time = 2, .type = 1, .packet = 9, .reason = 16}}),
              IsEmpty());
}

TEST(Drops, WithoutAReasonAreNot) {
  EXPECT_THAT(drops({{.time = 1, .type = 1, .packet = 9, .reason = 2}}), IsEmpty());
  EXPECT_THAT(drops({{.time = 1, .type = 1, .packet = 9, .reason = 99}}), IsEmpty());
}

// The kernel uses the memory of a packet again.
TEST(Drops, OfAnotherPacketInTheSamePlaceAreNotTakenForIt) {
  EXPECT_THAT(drops({{.time = 1, .type = 4, .packet = 9, .length = 84, .link = "veth2"},
                     {.time = 2, .type = 2, .packet = 9},
                     {.time = 3, .type = 1, .packet = 9, .reason = 12}}),
              ElementsAre(PacketDrop{.link = "", .reason = "NETFILTER_DROP", .times = 1}));
}

class DropTraceTest : public NetworkFixture {
 protected:
  // Skips where the kernel may not be asked.
  static std::optional<DropTrace> start(std::uint32_t length = 0) {
    auto trace = DropTrace::start({.is_v4 = true, .length = length});
    if (trace) return std::move(*trace);
    why_not_ = trace.error().message();
    return std::nullopt;
  }
  static inline std::string why_not_;
};

void send_datagram(const char* text) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {}, .sin_zero = {}};
  ::inet_pton(AF_INET, text, &to.sin_addr);
  ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

// IPv4, UDP and one byte: 29.
TEST_F(DropTraceTest, TheKernelTellsThatNobodyListens) {
  ASSERT_EQ(machine("ip link set lo up"), "");
  auto trace = start(29);
  if (!trace) GTEST_SKIP() << why_not_ << ": it wants real root (CAP_PERFMON)";
  send_datagram("127.0.0.1");
  EXPECT_THAT(trace->take().value(), Contains(PacketDrop{.link = "lo", .reason = "NO_SOCKET", .times = 1}));
  EXPECT_THAT(trace->take().value(), IsEmpty());  // told once
}

TEST_F(DropTraceTest, TheReversePathFilterIsNamed) {
  ASSERT_EQ(machine("ip link add drop0 type veth peer name drop1; ip netns add drop-trace; "
                    "ip link set drop1 netns drop-trace; ip addr add 198.51.100.1/24 dev drop0; ip link set drop0 up; "
                    "ip -n drop-trace addr add 198.51.100.2/32 dev drop1; ip -n drop-trace link set drop1 up; "
                    "ip netns exec drop-trace sysctl -qw net.ipv4.conf.all.rp_filter=1; "
                    "ip neigh add 198.51.100.2 lladdr $(ip netns exec drop-trace cat /sys/class/net/drop1/address) "
                    "dev drop0"),
            "");
  auto trace = start(29);
  if (!trace) GTEST_SKIP() << why_not_ << ": it wants real root (CAP_PERFMON)";
  send_datagram("198.51.100.2");
  EXPECT_THAT(trace->take().value(), Contains(PacketDrop{.link = "drop1", .reason = "IP_RPFILTER", .times = 1}));
  machine("ip link del drop0; ip netns del drop-trace");
}

}  // namespace
}  // namespace netns_lab::node
