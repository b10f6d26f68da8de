#include "harness/lab/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/build_id.h"
#include "harness/protocol/envelope.h"
#include "harness/protocol/frame_stream.h"
#include "harness/protocol/json.h"
#include "harness/protocol/packed_namespaces.h"
#include "harness/protocol/packed_reports.h"

namespace netns_lab {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

// The node holds to a request's limit itself; the tester waits this much longer, so that the node's own answer, which
// knows what was still missing, arrives first. Generous, because it only ever passes when the agent hangs or the
// machine is overwhelmed.
constexpr milliseconds kGrace = 2s;
constexpr milliseconds kQuick = 10s;       // what needs no waiting: a limit for a machine under load
constexpr milliseconds kWork = 60s;        // apply, snapshot: hundreds of objects on a machine under load
constexpr milliseconds kKernelWork = 60s;  // what others make the kernel put off: seconds for a thousand namespaces

milliseconds limit_of(const EchoSpec& spec) {
  return duration_cast<milliseconds>(spec.interval * spec.count) + spec.reply_wait;
}
milliseconds limit_of(const ExchangeSpec& spec) {
  return spec.reply_wait * std::max<std::uint32_t>(spec.count, 1) + 1s;
}

}  // namespace

class Node::Session {
 public:
  explicit Session(UniqueFd fd) : stream_(std::move(fd)) {}

  struct Answer {
    nlohmann::json result;
    std::string raw;
  };

  template <typename Request>
  Result<typename Request::Reply> call(const Request& request, milliseconds limit, std::string_view raw = {}) {
    NETNS_LAB_ASSIGN(const Answer answer, ask(Request::kOperation, request, limit, raw));
    return decode<typename Request::Reply>(Request::kOperation, answer);
  }

  template <typename T>
  Result<T> decode(const char* operation, const Answer& answer) const {
    auto reply = json_to<T>(answer.result);
    if (reply) return reply;
    return tl::unexpected(
        Error::internal(fmt::format("read the answer of {} to '{}'", name(), operation), reply.error().message()));
  }

  Result<Answer> ask(const char* operation, nlohmann::json arguments, milliseconds limit, std::string_view raw,
                     Deadline own_deadline = Deadline::never()) {
    if (lost_) return tl::unexpected(lost(operation, "it had ended before: " + lost_->detail));
    const std::uint64_t id = next_id_++;
    const Deadline deadline = Deadline::after(limit + kGrace).sooner_of(own_deadline);
    const auto begun = Deadline::Clock::now();
    const std::string text = protocol::to_text(protocol::RequestEnvelope{
        .id = id, .operation = operation, .time_limit = limit, .arguments = std::move(arguments)});
    if (auto sent = stream_.send(text, raw, deadline); !sent)
      return tl::unexpected(gave_up(operation, id, begun, sent.error()));
    while (true) {
      auto frame = stream_.receive(deadline);
      if (!frame) return tl::unexpected(gave_up(operation, id, begun, frame.error()));
      NETNS_LAB_ASSIGN(protocol::ReplyEnvelope reply, protocol::parse_reply(frame->json));
      if (reply.id != id) continue;  // of a request given up earlier, or of its cancel
      // Nobody here gave it up (an answer to such a request is passed over): the agent is ending.
      if (!reply.result && reply.result.error().kind == ErrorKind::kCancelled) {
        lost_ = Error::lost("receive", "its agent was told to end: somebody destroyed the lab");
        return tl::unexpected(lost(operation, lost_->detail));
      }
      if (!reply.result) return tl::unexpected(std::move(reply.result).error());
      return Answer{.result = *std::move(reply.result), .raw = std::move(frame->raw)};
    }
  }

  std::string name() const { return hello.node.empty() ? "the node's agent" : "the agent of " + hello.node; }

  protocol::HelloReply hello;

 private:
  Error lost(const char* operation, const std::string& detail) const {
    return Error::lost(fmt::format("{} ended while '{}' was under way", name(), operation), detail);
  }

  // What a failed send or receive means for the request, and for those to come.
  Error gave_up(const char* operation, std::uint64_t id, Deadline::Clock::time_point begun, const Error& why) {
    if (why.kind == ErrorKind::kInvalid) return why;  // a frame too large to send: nothing was sent
    if (why.kind != ErrorKind::kTimeout || stream_.broken()) {
      lost_ = why;
      return lost(operation, why.kind == ErrorKind::kLost ? why.detail : why.message());
    }
    const std::string cancel =
        protocol::to_text(protocol::RequestEnvelope{.id = next_id_++,
                                                    .operation = protocol::CancelRequest::kOperation,
                                                    .time_limit = kQuick,
                                                    .arguments = protocol::CancelRequest{.id = id}});
    // Best effort: an agent that does not answer may not read either.
    static_cast<void>(stream_.send(cancel, "", Deadline::after(100ms)));
    if (stream_.broken()) lost_ = Error::lost("send", "it stopped reading");
    return Error::timeout(fmt::format("'{}' on {}", operation, hello.node.empty() ? "the node" : hello.node),
                          fmt::format("no answer for {} ms: its agent hangs, or the machine is overwhelmed",
                                      duration_cast<milliseconds>(Deadline::Clock::now() - begun).count()));
  }

  protocol::FrameStream stream_;
  std::uint64_t next_id_ = 1;
  std::optional<Error> lost_;
};

Node::Node(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(Node&&) noexcept = default;
Node::~Node() = default;

Result<Node> Node::connect(UniqueFd stream, Deadline deadline) {
  auto session = std::make_unique<Session>(std::move(stream));
  const protocol::HelloRequest request = {.build = build_id()};
  NETNS_LAB_ASSIGN(const Session::Answer answer,
                   session->ask(protocol::HelloRequest::kOperation, request, kQuick, "", deadline));
  NETNS_LAB_ASSIGN(session->hello, session->decode<protocol::HelloReply>(protocol::HelloRequest::kOperation, answer));
  if (session->hello.build != request.build) {
    return tl::unexpected(Error::taken(
        fmt::format("open a session to {}", session->name()),
        fmt::format("it runs another build of netns-lab ({:.12}, this is {:.12})", session->hello.build, request.build),
        "end it with the netns-lab that started it, or replace it: netns-lab destroy, then netns-lab up"));
  }
  return Node(std::move(session));
}

const protocol::HelloReply& Node::hello() const { return session_->hello; }

Result<void> Node::claim(const protocol::ClaimRequest& claim) {
  NETNS_LAB_TRY(session_->call(claim, kWork));
  return {};
}

Result<void> Node::apply(std::vector<Change> changes) {
  NETNS_LAB_TRY(session_->call(protocol::ApplyRequest{.changes = std::move(changes)}, kWork));
  return {};
}

Result<Snapshot> Node::snapshot(const SnapshotOptions& options) { return ask_snapshot({.options = options}); }

Result<Snapshot> Node::first_snapshot(const SnapshotOptions& options) {
  return ask_snapshot({.options = options, .first = true});
}

Result<Snapshot> Node::ask_snapshot(const protocol::SnapshotRequest& request) {
  const auto* const operation = protocol::SnapshotRequest::kOperation;
  NETNS_LAB_ASSIGN(const Session::Answer answer, session_->ask(operation, request, kWork, {}));
  NETNS_LAB_ASSIGN(Snapshot snapshot, session_->decode<Snapshot>(operation, answer));
  NETNS_LAB_TRY(protocol::put_namespaces(answer.raw, snapshot));
  return snapshot;
}

Result<void> Node::await(const protocol::AwaitRequest& state, milliseconds limit) {
  NETNS_LAB_TRY(session_->call(state, limit));
  return {};
}

Result<milliseconds> Node::await_kernel(protocol::AwaitRequest state, milliseconds limit) {
  state.limit_ms = limit.count();
  NETNS_LAB_ASSIGN(const protocol::AwaitReply reply, session_->call(state, limit + kKernelWork));
  return milliseconds(reply.late_ms);
}

Result<RouteAnswer> Node::lookup(const RouteQuery& query) {
  NETNS_LAB_ASSIGN(std::vector<RouteAnswer> answers, lookup(std::vector<RouteQuery>{query}));
  return std::move(answers.front());
}

Result<std::vector<RouteAnswer>> Node::lookup(std::vector<RouteQuery> queries) {
  const std::size_t asked = queries.size();
  NETNS_LAB_ASSIGN(protocol::LookupReply reply,
                   session_->call(protocol::LookupRequest{.queries = std::move(queries)}, kQuick));
  if (reply.answers.size() != asked) {
    return tl::unexpected(Error::internal(fmt::format("look up {} routes on {}", asked, hello().node),
                                          fmt::format("{} answers came", reply.answers.size())));
  }
  return std::move(reply.answers);
}

Result<protocol::ProbeReply> Node::probe(protocol::ProbeRequest request) {
  constexpr auto kOperation = protocol::ProbeRequest::kOperation;
  milliseconds limit = kQuick;
  milliseconds longest_echo = 0ms;
  milliseconds all_echoes = 0ms;
  for (const EchoSpec& spec : request.echoes) {
    longest_echo = std::max(longest_echo, limit_of(spec));
    all_echoes += limit_of(spec);
  }
  limit += request.lanes == 0 ? longest_echo : all_echoes;
  for (const ExchangeSpec& spec : request.exchanges) limit += limit_of(spec);
  const std::size_t echoes = request.echoes.size();
  const std::size_t exchanges = request.exchanges.size();
  NETNS_LAB_ASSIGN(const Session::Answer answer, session_->ask(kOperation, request, limit, ""));
  NETNS_LAB_ASSIGN(protocol::ProbeReply reply, session_->decode<protocol::ProbeReply>(kOperation, answer));
  NETNS_LAB_TRY(protocol::put_reports(answer.raw, reply));
  if (reply.echoes.size() != echoes || reply.exchanges.size() != exchanges) {
    return tl::unexpected(
        Error::internal(fmt::format("probe with {} echoes and {} exchanges on {}", echoes, exchanges, hello().node),
                        fmt::format("{} and {} reports came", reply.echoes.size(), reply.exchanges.size())));
  }
  return reply;
}

Result<EchoReport> Node::ping(const EchoSpec& spec) {
  NETNS_LAB_ASSIGN(protocol::ProbeReply reply, probe({.echoes = {spec}, .exchanges = {}}));
  return std::move(reply.echoes.front());
}

Result<ExchangeReport> Node::exchange(const ExchangeSpec& spec) {
  NETNS_LAB_ASSIGN(protocol::ProbeReply reply, probe({.echoes = {}, .exchanges = {spec}}));
  return std::move(reply.exchanges.front());
}

Result<MeshReport> Node::mesh(MeshSpec spec, const std::function<void(const MeshReport&)>& told) {
  constexpr milliseconds kPart = 2s;
  // 10 µs a pair on an idle machine; one that is silent costs reply_wait a round, of some 4,000 pairs.
  const auto pairs = static_cast<milliseconds::rep>(spec.members.size() * spec.members.size());
  const milliseconds limit = kWork + milliseconds(pairs / 4) + spec.reply_wait * (10 + pairs / 2'000);
  spec.first_round = 0;
  spec.at_most = kPart;
  MeshReport whole;
  while (!whole.is_complete) {
    NETNS_LAB_ASSIGN(MeshReport part, session_->call(protocol::MeshRequest{.spec = spec}, limit));
    if (part.rounds == 0) return tl::unexpected(Error::internal("ask for a mesh of echoes", "a part had no round"));
    add_part(whole, std::move(part));
    spec.first_round = whole.rounds;
    spec.lossy_rounds = whole.lossy_rounds;
    if (told) told(whole);
  }
  return whole;
}

Result<protocol::ServeReply> Node::serve(const ServeSpec& spec) {
  return session_->call(protocol::ServeRequest{.spec = spec}, kQuick);
}

Result<protocol::Handle> Node::capture(const protocol::CaptureRequest& request) {
  NETNS_LAB_ASSIGN(const protocol::HandleReply reply, session_->call(request, kQuick));
  return reply.handle;
}

Result<protocol::WatchReply> Node::watch(const protocol::WatchRequest& request) {
  return session_->call(request, kQuick);
}

Result<protocol::SightingsReply> Node::sightings(const protocol::SightingsRequest& request) {
  return session_->call(request, kQuick);
}

Result<protocol::Handle> Node::trace(const protocol::TraceRequest& request) {
  NETNS_LAB_ASSIGN(const protocol::HandleReply reply, session_->call(request, kQuick));
  return reply.handle;
}

Result<protocol::VerdictsReply> Node::verdicts(protocol::Handle trace) {
  return session_->call(protocol::VerdictsRequest{.handle = trace}, kQuick);
}

Result<protocol::Handle> Node::start(const protocol::RunRequest& request) {
  const auto carries = [](const std::string& text) { return json_support::valid_utf8(text) == text; };
  if (!std::all_of(request.argv.begin(), request.argv.end(), carries) ||
      !std::all_of(request.environment.begin(), request.environment.end(),
                   [&](const auto& entry) { return carries(entry.first) && carries(entry.second); })) {
    return tl::unexpected(Error::invalid(fmt::format("run a command on {}", hello().node),
                                         "an argument or a variable holds bytes that are not UTF-8",
                                         "put them into a file and pass its name"));
  }
  protocol::RunRequest sent = request;
  sent.standard_input.clear();  // any bytes: it travels raw
  NETNS_LAB_ASSIGN(const protocol::HandleReply reply, session_->call(sent, kQuick, request.standard_input));
  return reply.handle;
}

Result<Node::Chunk> Node::read(const protocol::ReadRequest& request) {
  const char* operation = protocol::ReadRequest::kOperation;
  NETNS_LAB_ASSIGN(Session::Answer answer, session_->ask(operation, request, request.wait + kQuick, ""));
  NETNS_LAB_ASSIGN(protocol::ReadReply reply, session_->decode<protocol::ReadReply>(operation, answer));
  if (reply.output_bytes > answer.raw.size() || reply.error_bytes != answer.raw.size() - reply.output_bytes) {
    return tl::unexpected(Error::internal(
        fmt::format("read handle {} on {}", request.handle, hello().node),
        fmt::format("{} and {} bytes announced, {} came", reply.output_bytes, reply.error_bytes, answer.raw.size())));
  }
  std::string errors = answer.raw.substr(reply.output_bytes);
  answer.raw.resize(reply.output_bytes);
  return Chunk{.reply = std::move(reply), .output = std::move(answer.raw), .errors = std::move(errors)};
}

Result<CommandResult> Node::run(const protocol::RunRequest& request) {
  NETNS_LAB_ASSIGN(const protocol::Handle handle, start(request));
  CommandResult result;
  while (true) {
    NETNS_LAB_ASSIGN(Chunk chunk, read({.handle = handle, .maximum = 1 << 20, .wait = 1s}));
    result.output += chunk.output;
    result.errors += chunk.errors;
    if (!chunk.reply.end) continue;
    if (!chunk.reply.command) {
      return tl::unexpected(
          Error::internal(fmt::format("run {} on {}", request.argv.empty() ? "" : request.argv.front(), hello().node),
                          "its output ended without an end of the command"));
    }
    result.end = *std::move(chunk.reply.command);
    NETNS_LAB_TRY(close(handle));
    return result;
  }
}

Result<void> Node::write(const protocol::WriteRequest& request, std::string_view bytes) {
  NETNS_LAB_TRY(session_->call(request, kQuick, bytes));
  return {};
}

Result<void> Node::close(protocol::Handle handle) {
  NETNS_LAB_TRY(session_->call(protocol::CloseRequest{.handle = handle}, kQuick));
  return {};
}

Result<void> Node::put(const std::string& path, std::uint32_t mode, std::string_view bytes) {
  NETNS_LAB_TRY(session_->call(protocol::PutRequest{.path = path, .mode = mode}, kQuick, bytes));
  return {};
}

Result<void> Node::shutdown() {
  NETNS_LAB_TRY(session_->call(protocol::ShutdownRequest{}, kQuick));
  return {};
}

}  // namespace netns_lab
