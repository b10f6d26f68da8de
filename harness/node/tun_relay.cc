#include "harness/node/tun_relay.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "harness/base/unique_fd.h"

namespace netns_lab::node {
namespace {

constexpr auto kDevice = "/dev/net/tun";
constexpr std::size_t kLargestPacket = 65'535;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
SocketAddress socket_address(const IpAddress& address, std::uint16_t port) {
  SocketAddress made;
  if (address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes().data(), sizeof in.sin_addr);
    std::memcpy(&made.storage, &in, sizeof in);
    made.size = sizeof in;
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, address.bytes().data(), sizeof in.sin6_addr);
    std::memcpy(&made.storage, &in, sizeof in);
    made.size = sizeof in;
  }
  return made;
}

// The link is the descriptor's: it goes when that is closed (tun_chr_close, drivers/net/tun.c).
Result<UniqueFd> make_link(const NetworkNamespace& network_namespace, const std::string& name) {
  auto device = open_in(network_namespace, kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (!device && (device.error().system_errno == ENOENT || device.error().system_errno == ENODEV)) {
    return tl::unexpected(Error::missing("make TUN link " + name, std::string("there is no ") + kDevice,
                                         "modprobe tun, and give the lab that device (docker run --device)"));
  }
  if (!device) return device;
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (name.size() >= sizeof request.ifr_name)
    return tl::unexpected(Error::invalid("make TUN link " + name, "too long"));
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (::ioctl(device->get(), TUNSETIFF, &request) != 0)
    return tl::unexpected(Error::system("make TUN link " + name, errno));
  return device;
}

Result<UniqueFd> open_socket(const NetworkNamespace& network_namespace, const CreateTunRelay& change) {
  const int family = change.local.is_v4() ? AF_INET : AF_INET6;
  NETNS_LAB_ASSIGN(UniqueFd socket, socket_in(network_namespace, family, SOCK_DGRAM | SOCK_NONBLOCK, 0));
  const SocketAddress own = socket_address(change.local, change.port);
  const SocketAddress peer = socket_address(change.remote, change.port);
  if (::bind(socket.get(), own.get(), own.size) != 0 || ::connect(socket.get(), peer.get(), peer.size) != 0)
    return tl::unexpected(Error::system(to_string(Change(change)), errno));
  return socket;
}

}  // namespace

class TunRelays::Relay {
 public:
  Relay(UniqueFd link, UniqueFd socket, UniqueFd stop)
      : link_(std::move(link)), socket_(std::move(socket)), stop_(std::move(stop)), thread_([this] { run(); }) {}
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay() {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(stop_.get(), &one, sizeof one));
    thread_.join();
  }

 private:
  void run() {
    std::array<pollfd, 3> waits{{{link_.get(), POLLIN, 0}, {socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    while (true) {
      if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) break;
      // Of a link that was deleted: POLLERR (tun_chr_poll).
      if (waits[2].revents != 0 || (waits[0].revents & (POLLERR | POLLNVAL)) != 0) break;
      if (waits[0].revents != 0) pass(link_, socket_);
      if (waits[1].revents != 0) pass(socket_, link_);
    }
    socket_.reset();
    link_.reset();
  }
  // What is there, a packet a time. One that is refused is lost, as on a wire: a link that is down (EIO), an other end
  // that is not there yet (ECONNREFUSED), a full queue.
  void pass(const UniqueFd& from, const UniqueFd& to) {
    constexpr int kMostAtOnce = 64;  // then the other direction has its turn
    for (int i = 0; i < kMostAtOnce; ++i) {
      const ssize_t got = ::read(from.get(), packet_.data(), packet_.size());
      if (got < 0 && (errno == EAGAIN || errno == EBADFD)) return;
      if (got > 0) static_cast<void>(!::write(to.get(), packet_.data(), static_cast<std::size_t>(got)));
    }
  }

  std::array<char, kLargestPacket> packet_{};
  UniqueFd link_;
  UniqueFd socket_;
  UniqueFd stop_;
  std::thread thread_;
};

TunRelays::TunRelays() = default;
TunRelays::~TunRelays() = default;

Result<void> TunRelays::start(const NetworkNamespace& network_namespace, const CreateTunRelay& change) {
  NETNS_LAB_ASSIGN(UniqueFd socket, open_socket(network_namespace, change));
  NETNS_LAB_ASSIGN(UniqueFd link, make_link(network_namespace, change.name));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  if (!stop.valid()) return tl::unexpected(Error::system(to_string(Change(change)), errno));
  auto relay = std::make_unique<Relay>(std::move(link), std::move(socket), std::move(stop));
  const std::lock_guard lock(mutex_);
  relays_[change.name] = std::move(relay);
  return {};
}

void TunRelays::end(const std::string& link) {
  std::unique_ptr<Relay> gone;
  const std::lock_guard lock(mutex_);
  const auto found = relays_.find(link);
  if (found == relays_.end()) return;
  gone = std::move(found->second);
  relays_.erase(found);
}

}  // namespace netns_lab::node
