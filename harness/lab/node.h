// A node as the tester sees it: typed requests over a byte stream. No privilege, no namespaces, one thread.
//
//   NETNS_LAB_ASSIGN(Node node, Node::connect(std::move(stream), Deadline::after(2s)));
//   NETNS_LAB_TRY(node.apply({CreateNamespace{"netns1"}, …}));
//   NETNS_LAB_ASSIGN(const Snapshot now, node.snapshot());
//
// Errors: kLost when the stream ends or the agent dies; kTimeout when no answer came in time; otherwise what the node
// says.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/protocol/messages.h"

namespace netns_lab {

// A command's whole output and end.
struct CommandResult {
  std::string output;  // standard output
  std::string errors;  // standard error
  protocol::CommandEnd end;
  bool succeeded() const { return end.how == protocol::CommandEnd::How::kExited && end.code == 0; }
};

class Node {
 public:
  // Takes a connected stream to an agent and says hello.
  static Result<Node> connect(UniqueFd stream, Deadline deadline);
  Node(Node&&) noexcept;
  Node& operator=(Node&&) noexcept;
  ~Node();  // ends the session

  const protocol::HelloReply& hello() const;

  Result<void> claim(const protocol::ClaimRequest& claim);
  Result<void> apply(std::vector<Change> changes);
  Result<Snapshot> snapshot(const SnapshotOptions& options = {});
  // What the node was like when this was first asked of its agent, in whichever session; `options` are that one's.
  Result<Snapshot> first_snapshot(const SnapshotOptions& options);
  Result<void> await(const protocol::AwaitRequest& state, std::chrono::milliseconds limit);
  // The same, but that a network which the kernel is not done with at the limit is told from a wrong one: what it has
  // put off by then is waited for (node/kernel_work.h), a minute at most, which is kInternal. Returns how long after
  // the limit all was as wanted.
  Result<std::chrono::milliseconds> await_kernel(protocol::AwaitRequest state, std::chrono::milliseconds limit);
  Result<RouteAnswer> lookup(const RouteQuery& query);
  Result<std::vector<RouteAnswer>> lookup(std::vector<RouteQuery> queries);
  Result<EchoReport> ping(const EchoSpec& spec);
  Result<ExchangeReport> exchange(const ExchangeSpec& spec);
  Result<protocol::ProbeReply> probe(protocol::ProbeRequest request);
  // The whole of it, in parts: `told` is called after each, with what was done so far.
  Result<MeshReport> mesh(MeshSpec spec, const std::function<void(const MeshReport&)>& told = nullptr);
  Result<protocol::ServeReply> serve(const ServeSpec& spec);
  Result<protocol::Handle> capture(const protocol::CaptureRequest& request);
  // For probes of another node (protocol::WatchRequest).
  Result<protocol::WatchReply> watch(const protocol::WatchRequest& request);
  Result<protocol::Handle> trace(const protocol::TraceRequest& request);
  Result<protocol::VerdictsReply> verdicts(protocol::Handle trace);
  Result<protocol::SightingsReply> sightings(const protocol::SightingsRequest& request);
  Result<protocol::Handle> start(const protocol::RunRequest& request);
  Result<CommandResult> run(const protocol::RunRequest& request);  // start, read to the end, close
  struct Chunk {
    protocol::ReadReply reply;
    std::string output;
    std::string errors;
  };
  Result<Chunk> read(const protocol::ReadRequest& request);
  Result<void> write(const protocol::WriteRequest& request, std::string_view bytes);
  Result<void> close(protocol::Handle handle);
  Result<void> put(const std::string& path, std::uint32_t mode, std::string_view bytes);
  Result<void> shutdown();

 private:
  class Session;
  Result<Snapshot> ask_snapshot(const protocol::SnapshotRequest& request);
  explicit Node(std::unique_ptr<Session> session);
  std::unique_ptr<Session> session_;
};

}  // namespace netns_lab
