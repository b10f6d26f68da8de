#include "harness/node/tun_relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "harness/node/await_state.h"
#include "harness/node/network_fixture.h"

namespace netns_lab::node {
namespace {

const IpAddress kLoopback = IpAddress::v4(127, 0, 0, 1);
const IpAddress kOther = IpAddress::v4(127, 0, 0, 2);

CreateTunRelay wanted() {
  CreateTunRelay change;
  change.name = "tun0";
  change.mtu = 1472;
  change.local = kLoopback;
  change.remote = kOther;
  change.port = 9000;
  return change;
}

// The other end: a UDP socket on lo.
class TunRelayTest : public NetworkFixture {
 protected:
  TunRelayTest() {
    if (::access("/dev/net/tun", R_OK | W_OK) != 0) return;
    has_device_ = true;
    SetLink lo;
    lo.name = "lo";
    lo.up = true;
    if (!apply_changes(handles(), {lo})) throw std::runtime_error("raise lo");
    other_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const sockaddr_in own = address("127.0.0.2");
    if (::bind(other_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)
      throw std::runtime_error("bind the other end");
  }
  void SetUp() override {
    if (!has_device_) GTEST_SKIP() << "there is no /dev/net/tun that can be opened";
  }
  static sockaddr_in address(const char* text) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_port = htons(9000);
    ::inet_pton(AF_INET, text, &made.sin_addr);
    return made;
  }
  NetworkNamespace own() { return NetworkNamespace::current().value(); }
  // "" when nothing comes within two seconds.
  static std::string receive(const UniqueFd& socket) {
    pollfd wait{.fd = socket.get(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, 2'000) <= 0) return "";
    char bytes[2'048];
    const ssize_t got = ::recv(socket.get(), bytes, sizeof bytes, 0);
    return got < 0 ? "" : std::string(bytes, static_cast<std::size_t>(got));
  }
  void raise_tun() {
    AddAddress add;
    add.link = "tun0";
    add.prefix = Prefix::parse("172.16.255.1/24").value();
    SetLink up;
    up.name = "tun0";
    up.up = true;
    const auto done = apply_changes(handles(), {add, up});
    if (!done) throw std::runtime_error(done.error().message());
  }

  bool has_device_ = false;
  UniqueFd other_;
  TunRelays relays_;
};

TEST_F(TunRelayTest, SendsPacketsOfTheLinkAsDatagramsAndNothingBeforeThem) {
  ASSERT_TRUE(relays_.start(own(), wanted()));
  raise_tun();
  const UniqueFd sender(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to = address("172.16.255.2");
  ASSERT_EQ(::sendto(sender.get(), "hello", 5, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to), 5);
  // Among what IPv6 says on a link that has come up.
  for (std::string packet = receive(other_);; packet = receive(other_)) {
    ASSERT_FALSE(packet.empty()) << "nothing came from the relay";
    if (packet.size() < 5 || !packet.ends_with("hello")) continue;
    EXPECT_EQ(packet.front(), '\x45') << "an IPv4 header comes first";
    EXPECT_EQ(packet.size(), 20U + 8U + 5U);
    return;
  }
}

TEST_F(TunRelayTest, TakesInWhatComesAsDatagrams) {
  ASSERT_TRUE(relays_.start(own(), wanted()));
  raise_tun();
  const UniqueFd receiver(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in at = address("172.16.255.1");
  ASSERT_EQ(::bind(receiver.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  // IPv4, UDP from 172.16.255.2:9000 to 172.16.255.1:9000, without a UDP checksum.
  std::string packet("\x45\x00\x00\x21\x00\x00\x00\x00\x40\x11\x00\x00\xac\x10\xff\x02\xac\x10\xff\x01", 20);
  unsigned sum = 0;
  for (std::size_t i = 0; i < packet.size(); i += 2)
    sum +=
        static_cast<unsigned>(static_cast<unsigned char>(packet[i]) << 8U | static_cast<unsigned char>(packet[i + 1]));
  sum = ~((sum & 0xFFFFU) + (sum >> 16U)) & 0xFFFFU;
  packet[10] = static_cast<char>(sum >> 8U);
  packet[11] = static_cast<char>(sum & 0xFFU);
  packet += std::string("\x23\x28\x23\x28\x00\x0d\x00\x00there", 13);
  const sockaddr_in relay = address("127.0.0.1");
  ASSERT_GT(
      ::sendto(other_.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&relay), sizeof relay),
      0);
  EXPECT_EQ(receive(receiver), "there");
}

TEST_F(TunRelayTest, ItsLinkGoesWhenItEnds) {
  ASSERT_TRUE(relays_.start(own(), wanted()));
  EXPECT_NE(::if_nametoindex("tun0"), 0U);
  relays_.end("tun0");
  EXPECT_EQ(::if_nametoindex("tun0"), 0U);
  EXPECT_TRUE(relays_.start(own(), wanted())) << "name and port are free again";
}

TEST_F(TunRelayTest, ItEndsWhenItsLinkIsDeleted) {
  ASSERT_TRUE(relays_.start(own(), wanted()));
  ASSERT_TRUE(apply_changes(handles(), {DeleteLink{"", "tun0"}}));
  relays_.end("tun0");  // waits for a thread that has nothing more to do
  EXPECT_TRUE(relays_.start(own(), wanted()));
}

TEST_F(TunRelayTest, ANameOrAPortThatIsTakenIsRefused) {
  ASSERT_TRUE(relays_.start(own(), wanted()));
  CreateTunRelay second = wanted();
  second.name = "tun1";
  EXPECT_EQ(relays_.start(own(), second).error().system_errno, EADDRINUSE);
  second.port = 9001;
  second.name = "lo";
  const auto refused = relays_.start(own(), second);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().system_errno, 0);
}

}  // namespace
}  // namespace netns_lab::node
