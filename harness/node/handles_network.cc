#include "harness/node/handles_network.h"

#include <poll.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include <array>
#include <cerrno>
#include <future>
#include <mutex>
#include <optional>
#include <utility>

#include "harness/netns/netns.h"
#include "harness/probe/echo_server.h"
#include "harness/probe/packet_stream.h"

namespace netns_lab::node {
namespace {

Error takes_nothing(const char* what) { return Error::invalid(std::string("write to ") + what, "it takes nothing"); }

class ServerHandle final : public HandleObject {
 public:
  explicit ServerHandle(probe::EchoServer server) : server_(std::move(server)) {}

  Result<Taken> read(std::uint32_t /*maximum*/, Deadline /*wait*/, const Cancellation& /*cancellation*/) override {
    return tl::unexpected(Error::invalid("read from an echo server", "it has nothing to tell"));
  }
  Result<void> write(const protocol::WriteRequest& /*request*/, std::string_view /*bytes*/, Deadline /*deadline*/,
                     const Cancellation& /*cancellation*/) override {
    return tl::unexpected(takes_nothing("an echo server"));
  }
  Result<void> close(Deadline /*deadline*/) override {
    server_.reset();
    return {};
  }

 private:
  std::optional<probe::EchoServer> server_;
};

class CaptureHandle final : public HandleObject {
 public:
  explicit CaptureHandle(probe::PacketStream stream) : stream_(std::move(stream)) {}

  // One reader at a time; `close` ends one that waits.
  Result<Taken> read(std::uint32_t maximum, Deadline wait, const Cancellation& cancellation) override {
    const std::lock_guard lock(mutex_);
    if (!stream_) return ended();
    while (true) {
      NETNS_LAB_ASSIGN(std::string bytes,
                       stream_->read(std::max<std::uint32_t>(maximum, 1), Deadline::passed_already()));
      if (!bytes.empty() || wait.passed()) return taken(std::move(bytes));
      std::array<pollfd, 3> waits = {
          {{stream_->fd(), POLLIN, 0}, {cancellation.fd(), POLLIN, 0}, {closing_.fd(), POLLIN, 0}}};
      if (::poll(waits.data(), waits.size(), wait.poll_timeout()) < 0 && errno != EINTR) {
        return tl::unexpected(Error::system("wait for packets", errno));
      }
      if (cancellation.requested()) return tl::unexpected(Error::cancelled("read from a capture"));
      if (closing_.requested()) return ended();
    }
  }
  Result<void> write(const protocol::WriteRequest& /*request*/, std::string_view /*bytes*/, Deadline /*deadline*/,
                     const Cancellation& /*cancellation*/) override {
    return tl::unexpected(takes_nothing("a capture"));
  }
  Result<void> close(Deadline /*deadline*/) override {
    closing_.request();
    const std::lock_guard lock(mutex_);
    stream_.reset();
    return {};
  }

 private:
  Result<Taken> taken(std::string bytes) {
    protocol::ReadReply reply;
    reply.output_bytes = bytes.size();
    reply.drops = stream_->drops();
    return Taken{.reply = std::move(reply), .bytes = std::move(bytes)};
  }
  static Result<Taken> ended() {
    protocol::ReadReply reply;
    reply.end = true;
    return Taken{.reply = std::move(reply), .bytes = ""};
  }

  std::mutex mutex_;
  std::optional<probe::PacketStream> stream_;
  Cancellation closing_;
};

}  // namespace

Result<OpenServer> open_server(const probe::SocketFactory& factory, const ServeSpec& spec) {
  NETNS_LAB_ASSIGN(probe::EchoServer server, probe::EchoServer::open(factory, spec));
  const std::uint16_t port = server.port();
  return OpenServer{.object = std::make_unique<ServerHandle>(std::move(server)), .port = port};
}

Result<std::unique_ptr<HandleObject>> open_capture(const probe::SocketFactory& factory,
                                                   const protocol::CaptureRequest& request) {
  NETNS_LAB_ASSIGN(probe::PacketStream stream,
                   probe::PacketStream::open(factory, request.network_namespace, request.link));
  return std::unique_ptr<HandleObject>(std::make_unique<CaptureHandle>(std::move(stream)));
}

Result<std::unique_ptr<WatchHandle>> WatchHandle::open(const probe::SocketFactory& factory,
                                                       const protocol::WatchRequest& request) {
  NETNS_LAB_ASSIGN(auto watch, probe::FarWatch::open(factory, request.namespaces, request.port));
  return std::unique_ptr<WatchHandle>(new WatchHandle(std::move(watch)));
}

Result<protocol::SightingsReply> WatchHandle::sightings(const std::vector<protocol::FarProbe>& probes) {
  const std::lock_guard lock(mutex_);
  if (watch_ == nullptr) return tl::unexpected(Error::invalid("ask a watch for sightings", "it is closed"));
  std::vector<probe::FarProbe> asked;
  asked.reserve(probes.size());
  for (const protocol::FarProbe& one : probes) {
    asked.push_back({.identifier = one.identifier,
                     .payload_seed = one.payload_seed,
                     .payload_size = one.payload_size,
                     .count = one.count,
                     .may_be_translated = one.may_be_translated,
                     .destination = one.destination});
  }
  NETNS_LAB_ASSIGN(probe::FarSightings seen, watch_->take(asked));
  return protocol::SightingsReply{.sightings = std::move(seen.sightings), .drops = seen.drops};
}

Result<Taken> WatchHandle::read(std::uint32_t /*maximum*/, Deadline /*wait*/, const Cancellation& /*cancellation*/) {
  return tl::unexpected(Error::invalid("read from a watch", "ask it for sightings"));
}

Result<void> WatchHandle::write(const protocol::WriteRequest& /*request*/, std::string_view /*bytes*/,
                                Deadline /*deadline*/, const Cancellation& /*cancellation*/) {
  return tl::unexpected(takes_nothing("a watch"));
}

Result<void> WatchHandle::close(Deadline /*deadline*/) {
  const std::lock_guard lock(mutex_);
  watch_.reset();
  return {};
}

std::unique_ptr<TraceHandle> TraceHandle::open(const std::string& namespace_directory,
                                               const protocol::TraceRequest& request) {
  std::unique_ptr<TraceHandle> handle(new TraceHandle);
  for (const std::string& name : request.namespaces) {
    const auto start = [&]() -> Result<netlink::FilterTrace> {
      NETNS_LAB_ASSIGN(const NetworkNamespace where,
                       name.empty() ? NetworkNamespace::current() : NetworkNamespace::open(namespace_directory, name));
      constexpr int kType = SOCK_RAW | SOCK_CLOEXEC;
      NETNS_LAB_ASSIGN(UniqueFd requests, socket_in(where, AF_NETLINK, kType, NETLINK_NETFILTER));
      NETNS_LAB_ASSIGN(UniqueFd events, socket_in(where, AF_NETLINK, kType, NETLINK_NETFILTER));
      return netlink::FilterTrace::start(std::move(requests), std::move(events), request.addresses);
    };
    if (auto trace = start()) handle->traces_.emplace_back(name, std::move(*trace));
  }
  const bool is_v4 = !request.addresses.empty() && request.addresses.front().is_v4();
  if (auto drops = DropTrace::start({.is_v4 = is_v4, .length = request.length})) handle->drops_ = std::move(*drops);
  return handle;
}

Result<protocol::VerdictsReply> TraceHandle::verdicts() {
  const std::lock_guard lock(mutex_);
  protocol::VerdictsReply reply;
  for (auto& [name, trace] : traces_) {
    NETNS_LAB_ASSIGN(std::vector<FilterVerdict> taken, trace.take());
    for (FilterVerdict& verdict : taken) {
      verdict.network_namespace = name;
      reply.verdicts.push_back(std::move(verdict));
    }
    if (trace.has_lost()) reply.incomplete.push_back(name);
  }
  if (drops_) {
    NETNS_LAB_ASSIGN(reply.drops, drops_->take());
  }
  return reply;
}

Result<Taken> TraceHandle::read(std::uint32_t /*maximum*/, Deadline /*wait*/, const Cancellation& /*cancellation*/) {
  return tl::unexpected(Error::invalid("read from a trace", "ask it for verdicts"));
}

Result<void> TraceHandle::write(const protocol::WriteRequest& /*request*/, std::string_view /*bytes*/,
                                Deadline /*deadline*/, const Cancellation& /*cancellation*/) {
  return tl::unexpected(takes_nothing("a trace"));
}

Result<void> TraceHandle::close(Deadline /*deadline*/) {
  const std::lock_guard lock(mutex_);
  // Side by side: with its owner's socket a table goes, and the kernel waits until no packet is in it, some 13 ms.
  std::vector<std::future<void>> closing;
  for (auto& [name, trace] : traces_) {
    closing.push_back(
        std::async(std::launch::async, [ending = std::optional(std::move(trace))]() mutable { ending.reset(); }));
  }
  closing.clear();
  traces_.clear();
  drops_.reset();
  return {};
}

}  // namespace netns_lab::node
