#include "harness/node/underlay_wires.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "harness/base/deadline.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netns/netns.h"
#include "harness/node/guest_service.h"
#include "harness/node/sandbox_process.h"

namespace netns_lab::node {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const UnderlayWire kFirst = {
    .own = 1, .peer = 2, .local = IpAddress::v4(10, 9, 8, 1), .remote = IpAddress::v4(10, 9, 8, 2), .port = 23'456};
UnderlayWire other_end(UnderlayWire wire) {
  std::swap(wire.own, wire.peer);
  std::swap(wire.local, wire.remote);
  return wire;
}

// A process in a machine that lays the wires, says what came of it, and then has them until it is ended.
class Machine {
 public:
  Machine(const NetworkNamespace& machine, const std::vector<UnderlayWire>& wires, milliseconds patience) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::runtime_error("socketpair");
    said_ = UniqueFd(ends[0]);
    UniqueFd theirs(ends[1]);
    auto child = fork_child([&]() -> int {
      said_.reset();
      if (::setns(machine.fd(), CLONE_NEWNET) != 0) return 1;
      ::dup2(theirs.get(), STDERR_FILENO);
      auto laid = lay_underlay_wires(wires, patience);
      const std::string text = laid ? "laid" : laid.error().message();
      static_cast<void>(!::write(theirs.get(), text.data(), text.size()));
      ::shutdown(theirs.get(), SHUT_WR);
      char byte = 0;
      static_cast<void>(!::read(theirs.get(), &byte, 1));
      return 0;
    });
    child_ = std::move(child).value();
  }
  ~Machine() { end_child(child_); }
  // To the end.
  std::string said() const {
    std::string text;
    std::array<char, 4096> buffer;
    ssize_t got = 0;
    while ((got = ::read(said_.get(), buffer.data(), buffer.size())) > 0)
      text.append(buffer.data(), static_cast<std::size_t>(got));
    return text;
  }

 private:
  UniqueFd said_;
  Child child_;
};

// Two namespaces stand for two machines, and a veth pair for the network that they share.
class UnderlayWires : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "there is no /dev/net/tun here";
    for (auto* machine : {&first_, &second_}) machine->emplace(NetworkNamespace::create().value());
    netlink::VethSpec pair;
    pair.name = pair.peer_name = "eth0";
    pair.peer_namespace = (*second_).fd();
    pair.mtu = 1500;
    execute(*first_, netlink::create_veth(pair));
    configure(*first_, kFirst.local);
    configure(*second_, kFirst.remote);
  }
  static void execute(const NetworkNamespace& in, netlink::Request request) {
    const auto done = within(in, [&]() -> Result<void> {
      NETNS_LAB_ASSIGN(auto socket, netlink::NetlinkSocket::open(netlink::Protocol::kRoute));
      return socket.execute(std::move(request));
    });
    ASSERT_TRUE(done.has_value()) << done.error();
  }
  static std::vector<std::string> links(const NetworkNamespace& in) {
    std::vector<std::string> names;
    const auto listed = within(in, [&]() -> Result<void> {
      NETNS_LAB_ASSIGN(auto socket, netlink::NetlinkSocket::open(netlink::Protocol::kRoute));
      NETNS_LAB_ASSIGN(const auto links, netlink::list_links(socket));
      for (const Link& link : links) names.push_back(link.name);
      return {};
    });
    EXPECT_TRUE(listed.has_value()) << listed.error();
    return names;
  }
  static void configure(const NetworkNamespace& in, const IpAddress& address) {
    std::uint32_t index = 0;
    const auto found = within(in, [&]() -> Result<void> {
      NETNS_LAB_ASSIGN(auto socket, netlink::NetlinkSocket::open(netlink::Protocol::kRoute));
      NETNS_LAB_ASSIGN(const Link link, netlink::get_link(socket, netlink::LinkRef::named("eth0")));
      index = link.index;
      return {};
    });
    ASSERT_TRUE(found.has_value()) << found.error();
    netlink::AddressSpec spec;
    spec.link_index = index;
    spec.prefix = Prefix{.address = address, .length = 24};
    execute(in, netlink::add_address(spec));
    netlink::LinkChange raise;
    raise.up = true;
    change(in, raise);
  }
  static void change(const NetworkNamespace& in, const netlink::LinkChange& change) {
    execute(in, netlink::set_link(netlink::LinkRef::named("eth0"), change));
  }

  std::optional<NetworkNamespace> first_;
  std::optional<NetworkNamespace> second_;
};

TEST_F(UnderlayWires, CarryPacketsAsLargeAsTheirNetworksOwnAndAreSeenByNobodyInIt) {
  const Machine one(*first_, {kFirst}, milliseconds(20'000));
  const Machine two(*second_, {other_end(kFirst)}, milliseconds(20'000));
  EXPECT_EQ(one.said(), "laid");
  EXPECT_EQ(two.said(), "laid");
  EXPECT_THAT(links(*first_), ElementsAre("lo", "eth0"));
}

TEST_F(UnderlayWires, CarryThemOverASmallerNetwork) {
  netlink::LinkChange smaller;
  smaller.mtu = 600;
  for (const auto* machine : {&first_, &second_}) change(**machine, smaller);
  const Machine one(*first_, {kFirst}, milliseconds(20'000));
  const Machine two(*second_, {other_end(kFirst)}, milliseconds(20'000));
  EXPECT_EQ(one.said(), "laid");
  EXPECT_EQ(two.said(), "laid");
}

TEST_F(UnderlayWires, WhoseOtherEndIsNotThereAreATimeOutThatNamesTheWire) {
  const Machine one(*first_, {kFirst}, milliseconds(300));
  EXPECT_THAT(one.said(), AllOf(HasSubstr("the wire from machine 1 (10.9.8.1) to machine 2 (10.9.8.2, UDP port 23456)"),
                                HasSubstr("packets of 1500 bytes were not answered for 300 ms"), HasSubstr("ufw"),
                                HasSubstr("one of them does not carry")));
}

// Whatever is wrong with the network in between: here each sends to a port where the other does not listen.
TEST_F(UnderlayWires, ThatLeadElsewhereAreATimeOutAtBothEnds) {
  UnderlayWire elsewhere = other_end(kFirst);
  elsewhere.port = 23'457;
  const Machine one(*first_, {kFirst}, milliseconds(300));
  const Machine two(*second_, {elsewhere}, milliseconds(300));
  EXPECT_THAT(one.said(), HasSubstr("were not answered"));
  EXPECT_THAT(two.said(), HasSubstr("were not answered"));
}

TEST_F(UnderlayWires, OfAnAddressThatTheMachineHasNotAreMissing) {
  UnderlayWire wire = kFirst;
  wire.local = IpAddress::v4(10, 9, 8, 7);
  const Machine one(*first_, {wire}, milliseconds(300));
  EXPECT_THAT(one.said(), HasSubstr("this machine does not have that address any more"));
}

TEST_F(UnderlayWires, OfAPortThatIsInUseAreTaken) {
  const UniqueFd user = socket_in(*first_, AF_INET, SOCK_DGRAM, 0).value();
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(kFirst.port);
  ASSERT_EQ(::bind(user.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
  const Machine one(*first_, {kFirst}, milliseconds(300));
  EXPECT_THAT(one.said(), HasSubstr("somebody uses that port in it"));
}

// The port is the carrier's: where it can be had again, that has ended.
TEST_F(UnderlayWires, EndWithTheProcessThatLaidThem) {
  {
    const Machine one(*first_, {kFirst}, milliseconds(20'000));
    const Machine two(*second_, {other_end(kFirst)}, milliseconds(20'000));
    ASSERT_EQ(one.said(), "laid");
    ASSERT_EQ(two.said(), "laid");
  }
  const Deadline deadline = Deadline::after(std::chrono::seconds(10));
  std::string said;
  do {
    const Machine one(*first_, {kFirst}, milliseconds(50));
    said = one.said();
  } while (said.find("somebody uses that port") != std::string::npos && !deadline.passed());
  EXPECT_THAT(said, HasSubstr("were not answered")) << "the other one has ended, too";
}

// In a process of its own: it collects every child.
TEST(UnderlayCarrier, WhoseEndIsTheEndOfTheLabsWhichAreLost) {
  auto service = fork_child([]() -> int {
    std::array<int, 2> port{};
    std::array<int, 2> carrier{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, port.data()) != 0) return 1;
    if (::pipe2(carrier.data(), O_CLOEXEC) != 0) return 1;
    ::close(carrier[1]);  // readable from now on
    const auto served = serve_guest_labs(UniqueFd(port[0]), {}, {}, "multipass", "", carrier[0]);
    const bool is_told = !served && served.error().kind == ErrorKind::kLost &&
                         served.error().message().find("carry frames") != std::string::npos;
    return is_told ? 42 : 2;
  });
  ASSERT_TRUE(service.has_value()) << service.error();
  int status = 0;
  ASSERT_EQ(::waitpid(service->pid, &status, 0), service->pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42) << status;
}

TEST(UnderlayWireText, IsReadAsItIsWritten) {
  EXPECT_EQ(to_string(kFirst), "1,2,10.9.8.1,10.9.8.2,23456");
  const auto read = parse_underlay_wire(to_string(kFirst));
  ASSERT_TRUE(read.has_value()) << read.error();
  EXPECT_EQ(*read, kFirst);
}

TEST(UnderlayWireText, ThatIsNoneIsRefused) {
  for (const char* text :
       {"", ",,,,", "1,2,10.9.8.1,10.9.8.2", "1,2,10.9.8.1,10.9.8.2,1,1", "1,1,10.9.8.1,10.9.8.2,1",
        "0,2,10.9.8.1,10.9.8.2,1", "1,255,10.9.8.1,10.9.8.2,1", "1,2,10.9.8,10.9.8.2,1", "1,2,::1,::2,1",
        "1,2,10.9.8.1,10.9.8.2,0", "1,2,10.9.8.1,10.9.8.2,65536", "1,2,10.9.8.1,10.9.8.2,7x"}) {
    const auto read = parse_underlay_wire(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().kind, ErrorKind::kInvalid) << text;
  }
}

}  // namespace
}  // namespace netns_lab::node
