#include "harness/node/session.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "harness/base/text.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {
namespace {

constexpr std::chrono::milliseconds kCancelPoll(20);

}  // namespace

probe::SocketFactory socket_factory(const std::string& namespace_directory) {
  return [namespace_directory](const std::string& network_namespace, int domain, int type,
                               int protocol) -> Result<UniqueFd> {
    if (network_namespace.empty()) {
      UniqueFd socket(::socket(domain, type | SOCK_CLOEXEC, protocol));
      if (!socket.valid()) return tl::unexpected(Error::system("create a socket", errno));
      return socket;
    }
    auto inside = NetworkNamespace::open(namespace_directory, network_namespace);
    if (!inside) {
      Error error = std::move(inside).error();
      if (error.kind == ErrorKind::kMissing) error = Error::system(error.attempted, ENOENT);
      return tl::unexpected(std::move(error));
    }
    return socket_in(*inside, domain, type, protocol);
  };
}

Session::Session(AgentState& agent, SessionNumber number, std::function<bool()> is_ending)
    : agent_(agent), number_(number), objects_(agent.context.namespace_directory, agent.journal, agent.relays) {
  agent_.claims.enter(number_, std::move(is_ending));
}

Session::~Session() { end(); }

PumpedAnswer Session::perform(PumpedRequest& request) {
  const std::string& name = request.envelope.operation;
  const Operation* operation = agent_.operations.find(name);
  if (operation == nullptr) {
    const std::vector<std::string> known = agent_.operations.names();
    return {.result = tl::unexpected(Error::invalid(fmt::format("'{}'", visible(name, 40)),
                                                    "no such operation; known are " + join(known, ", "))),
            .raw = ""};
  }
  // A tester of another build may end this agent, to put one of its own in its place, and nothing else.
  const bool allowed =
      same_build_ || name == protocol::HelloRequest::kOperation || name == protocol::ShutdownRequest::kOperation;
  if (!allowed) {
    return {.result = tl::unexpected(Error::invalid(fmt::format("'{}' on {}", name, agent_.context.node),
                                                    "a session begins with the hello of a tester of the same build")),
            .raw = ""};
  }
  OperationContext context = {.session = *this,
                              .deadline = request.deadline,
                              .cancellation = *request.cancellation,
                              .raw = std::move(request.raw),
                              .reply_raw = ""};
  Result<nlohmann::json> result = operation->perform(context, request.envelope.arguments);
  return {.result = std::move(result), .raw = std::move(context.reply_raw)};
}

void Session::end() {
  if (std::exchange(ended_, true)) return;
  handles_.close_all();
  prober_.reset();
  const protocol::ClaimRequest claimed = agent_.claims.of(number_);
  if (!claimed.keep && !(objects_.empty() && claimed.namespaces.empty() && claimed.links.empty())) {
    auto network = agent_.network.take();
    const std::vector<Error> errors =
        network ? objects_.remove(**network, claimed) : std::vector<Error>{network.error()};
    for (const Error& error : errors) {
      std::fprintf(stderr, "session %llu has ended; left behind: %s\n", static_cast<unsigned long long>(number_),
                   error.message().c_str());
    }
  }
  agent_.reservations.release(claimed);
  agent_.claims.leave(number_);
}

Result<void> Session::with_prober(Deadline deadline, const Cancellation& cancellation,
                                  const std::function<Result<void>(probe::Prober&)>& use) {
  std::unique_lock lock(prober_mutex_, std::defer_lock);
  while (!lock.try_lock_for(kCancelPoll)) {
    if (cancellation.requested()) return tl::unexpected(Error::cancelled("probe"));
    if (deadline.passed()) return tl::unexpected(Error::timeout("probe", "another probe of this session is under way"));
  }
  if (!prober_) prober_ = std::make_unique<probe::Prober>(socket_factory(agent_.context.namespace_directory));
  return use(*prober_);
}

void Session::release_captures(const std::string& network_namespace) {
  const std::lock_guard lock(prober_mutex_);
  if (prober_) prober_->release(network_namespace);
}

void Session::close_idle_captures() {
  const std::unique_lock lock(prober_mutex_, std::try_to_lock);
  if (lock.owns_lock()) prober_.reset();
}

void Session::release_named_captures() {
  const std::lock_guard lock(prober_mutex_);
  if (prober_) prober_->release_named();
}

}  // namespace netns_lab::node
