#include "harness/fake_multipass/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "harness/lab/named_lab.h"
#include "harness/model/address.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::fake_multipass {
namespace {

constexpr auto kNumber = "number";                 // in an instance's folder
constexpr auto kMacBeginning = "52:54:00:00:00:";  // as QEMU's own
constexpr std::size_t kLongestFrame = 70'000;
constexpr std::size_t kMostWaiting = 4u << 20;  // bytes; what comes then is lost, as on any network
constexpr int kLastNumber = 254;

struct Port {
  UniqueFd socket;
  std::string taken;
  std::string to_send;
};

// The whole frames, with their lengths; none may be longer than this network has them.
bool take_frames(Port& port, std::string& frames) {
  std::size_t whole = 0;
  while (port.taken.size() >= whole + 4) {
    std::uint32_t length = 0;
    std::memcpy(&length, port.taken.data() + whole, sizeof length);
    length = ntohl(length);
    if (length > kLongestFrame) return false;
    if (port.taken.size() < whole + 4 + length) break;
    whole += 4 + length;
  }
  frames.assign(port.taken, 0, whole);
  port.taken.erase(0, whole);
  return true;
}

bool receive(Port& port, std::string& frames) {
  std::array<char, 64u << 10> buffer;
  const ssize_t got = ::recv(port.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) return false;
  port.taken.append(buffer.data(), static_cast<std::size_t>(got));
  return take_frames(port, frames);
}

void send_some(Port& port) {
  const ssize_t sent = ::send(port.socket.get(), port.to_send.data(), port.to_send.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent > 0) port.to_send.erase(0, static_cast<std::size_t>(sent));
}

int number_of(const Instance& instance) { return std::atoi(instance.read(kNumber).c_str()); }
std::string place_of(const Home& home, int number) { return home.file(fmt::format("addresses/{}", number)); }

}  // namespace

Result<UniqueFd> listen_for_machines(const Home& home) {
  if (!connect_to(home.network_socket())) ::unlink(home.network_socket().c_str());
  return listen_at(home.network_socket());
}

void repeat_frames(const UniqueFd& listener) {
  std::vector<Port> ports;
  while (true) {
    std::vector<pollfd> waits = {{.fd = listener.get(), .events = POLLIN, .revents = 0}};
    for (const Port& port : ports) {
      const short events = port.to_send.empty() ? POLLIN : POLLIN | POLLOUT;
      waits.push_back({.fd = port.socket.get(), .events = events, .revents = 0});
    }
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    std::vector<std::size_t> gone;
    for (std::size_t i = 0; i < ports.size(); ++i) {
      const short happened = waits[i + 1].revents;
      if ((happened & POLLOUT) != 0) send_some(ports[i]);
      std::string frames;
      if ((happened & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      if (!receive(ports[i], frames)) gone.push_back(i);
      for (std::size_t other = 0; other < ports.size(); ++other) {
        if (other != i && ports[other].to_send.size() < kMostWaiting) ports[other].to_send += frames;
      }
    }
    for (auto at = gone.rbegin(); at != gone.rend(); ++at)
      ports.erase(ports.begin() + static_cast<std::ptrdiff_t>(*at));
    if (waits[0].revents == 0) continue;
    UniqueFd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.valid()) ports.push_back({.socket = std::move(socket), .taken = {}, .to_send = {}});
  }
}

Result<void> take_address(const Home& home, const Instance& instance) {
  std::error_code there;
  std::filesystem::create_directory(home.file("addresses"), there);
  for (int number = 2; number <= kLastNumber; ++number) {
    const UniqueFd place(::open(place_of(home, number).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!place.valid() && errno == EEXIST) continue;
    if (!place.valid()) return tl::unexpected(Error::system("write " + place_of(home, number), errno));
    instance.write(kNumber, std::to_string(number));
    return {};
  }
  return tl::unexpected(Error::missing("choose an address for " + instance.name(), "all are taken"));
}

void give_address_back(const Home& home, const Instance& instance) {
  if (const int number = number_of(instance); number != 0) ::unlink(place_of(home, number).c_str());
}

std::string address_of(const Instance& instance) { return fmt::format("10.97.53.{}", number_of(instance)); }
std::string mac_of(const Instance& instance) { return fmt::format("{}{:02x}", kMacBeginning, number_of(instance)); }

Result<void> join_network(const std::string& text) {
  NETNS_LAB_ASSIGN(const Prefix prefix, Prefix::parse(text));
  NETNS_LAB_ASSIGN(netlink::NetlinkSocket socket, netlink::NetlinkSocket::open(netlink::Protocol::kRoute));
  NETNS_LAB_ASSIGN(const std::vector<Link> links, netlink::list_links(socket));
  for (const Link& link : links) {
    if (!link.mac.to_string().starts_with(kMacBeginning)) continue;
    netlink::LinkChange change;
    change.up = true;
    NETNS_LAB_TRY(socket.execute(netlink::set_link(netlink::LinkRef::indexed(link.index), change)));
    netlink::AddressSpec address;
    address.link_index = link.index;
    address.prefix = prefix;
    return socket.execute(netlink::add_address(address));
  }
  return tl::unexpected(Error::missing("join the network as " + text, "the machine has no device for it"));
}

}  // namespace netns_lab::fake_multipass
