#include "harness/probe/exchange_run.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "harness/probe/exchange_client.h"
#include "harness/probe/socket_address.h"
#include "harness/probe/watch.h"

namespace netns_lab::probe {
namespace {

constexpr std::uint32_t kMostStreamBytes = 16U << 20;
constexpr std::size_t kMostInFlight = 96 * 1024;  // a default receive queue holds one largest datagram, hardly two

Result<void> check(const ExchangeSpec& spec) {
  const auto refuse = [&](std::string why) {
    return tl::unexpected(Error::invalid(
        fmt::format("exchange with {} port {}", spec.destination.to_string(), spec.port), std::move(why)));
  };
  if (spec.port == 0) return refuse("port is 0, expected 1 to 65535");
  if (spec.transport == Transport::kUdp && (spec.count < 1 || spec.count > 65'535)) {
    return refuse(fmt::format("count is {}, expected 1 to 65535", spec.count));
  }
  const std::uint32_t most = spec.transport == Transport::kUdp ? 65'507 : kMostStreamBytes;
  if (spec.payload_size > most) {
    return refuse(fmt::format("payload size is {} bytes, expected at most {}", spec.payload_size, most));
  }
  if (spec.reply_wait.count() < 0) return refuse("the time to wait for replies is negative");
  if (spec.source && spec.source->family() != spec.destination.family()) {
    return refuse(fmt::format("the source {} is of the other family", spec.source->to_string()));
  }
  return {};
}

// Which sightings belong to the exchange, and whether they carry what was sent.
class Sorter {
 public:
  Sorter(const ExchangeReport& report, const PayloadPattern& payload) : report_(report), payload_(payload) {}

  void take(const Seen& seen) {
    const Sighting& sighting = seen.sighting;
    switch (sighting.kind) {
      case SightingKind::kArp:
      case SightingKind::kNeighbourDiscovery:
        if (is_ours(sighting.source) || is_ours(sighting.destination)) sightings_.push_back(sighting);
        return;
      case SightingKind::kUdp:
      case SightingKind::kTcp:
      case SightingKind::kProblem:
        break;
      default:
        return;
    }
    const bool is_translated = !on_our_ports(sighting);
    if (is_translated && !is_with_our_server(sighting)) return;
    sightings_.push_back(sighting);
    if (is_translated) sightings_.back().sent_as = report_.source_port;
    if (sighting.kind == SightingKind::kUdp) sightings_.back().payload_intact = seen.complete && intact(seen.payload);
  }

  std::vector<Sighting> take_sightings() {
    std::ranges::stable_sort(sightings_, {}, &Sighting::time);
    return std::move(sightings_);
  }

 private:
  bool is_ours(const IpAddress& address) const {
    return address == report_.spec.destination || (report_.source && address == *report_.source);
  }
  bool on_our_ports(const Sighting& sighting) const {
    const std::uint16_t client = report_.source_port;
    const std::uint16_t server = report_.spec.port;
    return (sighting.identifier == client && sighting.sequence == server) ||
           (sighting.identifier == server && sighting.sequence == client);
  }
  bool is_with_our_server(const Sighting& sighting) const {
    const ExchangeSpec& spec = report_.spec;
    if (!spec.may_be_translated || sighting.kind == SightingKind::kProblem) return false;
    return (sighting.destination == spec.destination && sighting.sequence == spec.port) ||
           (sighting.source == spec.destination && sighting.identifier == spec.port);
  }
  bool intact(Bytes payload) {
    const std::uint32_t count = report_.spec.count;
    for (std::uint32_t tried = 0; tried < count; ++tried) {
      const std::uint32_t number = (last_ + tried) % count;
      if (!payload_.matches(number, report_.spec.payload_size, payload)) continue;
      last_ = number;
      return true;
    }
    return false;
  }

  const ExchangeReport& report_;
  const PayloadPattern& payload_;
  std::uint32_t last_ = 0;
  std::vector<Sighting> sightings_;
};

}  // namespace

Result<ExchangeReport> run_exchange(ProbeTools& tools, const ExchangeSpec& spec, Cancel cancel) {
  NETNS_LAB_TRY(check(spec));
  ExchangeReport report;
  report.spec = spec;
  const bool udp = spec.transport == Transport::kUdp;
  auto socket = tools.factory(spec.network_namespace, address_family(spec.destination.family()),
                              udp ? SOCK_DGRAM : SOCK_STREAM, 0);
  if (!socket) {
    if (!lies_in_the_subject(socket.error())) return tl::unexpected(std::move(socket).error());
    report.system_errno = socket.error().system_errno;
    return report;
  }
  const int fd = socket->get();
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return tl::unexpected(Error::system("prepare a client", errno));

  // Bound first, so that its port is known to the captures before the first packet.
  const SocketAddress source =
      SocketAddress::of(spec.source.value_or(IpAddress::unspecified(spec.destination.family())), spec.source_port);
  if (::bind(fd, source.get(), source.size) != 0) {
    report.system_errno = errno;
    return report;
  }
  report.source_port = SocketAddress::local_of(fd).port();
  report.payload_seed = random_seed();
  const PayloadPattern payload(report.payload_seed);
  std::map<std::string, Capture*> captures;
  for (const std::string& name : spec.watch) {
    const auto capture = tools.captures.get(name);
    if (!capture && lies_in_the_subject(capture.error())) {
      report.system_errno = capture.error().system_errno;
      return report;
    }
    if (!capture) return tl::unexpected(capture.error());
    captures.emplace(name, *capture);
  }
  NETNS_LAB_ASSIGN(Watch watch,
                   Watch::start(captures, spec.may_be_translated ? spec.port : report.source_port, tools.batch));
  if (udp) {
    const SocketAddress peer = SocketAddress::of(spec.destination, spec.port);
    if (::connect(fd, peer.get(), peer.size) != 0) report.system_errno = errno;
    report.source = address_of(SocketAddress::local_of(fd).storage);
  }

  Sorter sorter(report, payload);
  const auto take = [&](const Seen& seen) { sorter.take(seen); };
  const Drain drain = [&]() -> Result<void> {
    if (!report.source) report.source = address_of(SocketAddress::local_of(fd).storage);
    return watch.drain(tools.batch, take);
  };
  // A packet is queued up to four times as often as it is sent (out and in, there and back on loopback), at twice its
  // size.
  const std::size_t in_flight = std::min<std::size_t>(kMostInFlight, watch.smallest_queue() / 8);
  if (report.system_errno == 0) {
    NETNS_LAB_ASSIGN(ExchangeReport exchanged,
                     udp ? exchange_datagrams(fd, report, payload, in_flight, tools.batch, drain, cancel)
                         : exchange_stream(fd, report, payload, in_flight, drain, cancel));
    exchanged.source = address_of(SocketAddress::local_of(fd).storage);
    report = std::move(exchanged);
  }
  NETNS_LAB_TRY(watch.finish(tools.batch, take));
  NETNS_LAB_ASSIGN(report.capture_drops, watch.drops());
  report.sightings = sorter.take_sightings();
  return report;
}

}  // namespace netns_lab::probe
