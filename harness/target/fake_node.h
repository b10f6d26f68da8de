// For tests: an agent at the byte seam that records what it is asked, puts files and runs commands for real, and
// answers the rest as it is told.
#pragma once

#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness/base/build_id.h"
#include "harness/lab/node.h"
#include "harness/process/running_command.h"
#include "harness/protocol/envelope.h"
#include "harness/protocol/frame_stream.h"
#include "harness/protocol/json.h"
#include "harness/protocol/packed_namespaces.h"

namespace netns_lab::test_support {

class FakeNode {
 public:
  using Answer = std::function<Result<nlohmann::json>(const nlohmann::json& arguments)>;

  // `answers`: by operation; an operation that is not there is answered with {}.
  explicit FakeNode(std::map<std::string, Answer> answers = {}) : answers_(std::move(answers)) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("socketpair");
    thread_ = std::thread([this, fd = ends[1]] { serve(UniqueFd(fd)); });
    Result<Node> connected = Node::connect(UniqueFd(ends[0]), Deadline::after(std::chrono::seconds(10)));
    if (!connected) throw std::runtime_error(connected.error().message());
    node_ = std::make_unique<Node>(std::move(*connected));
  }
  ~FakeNode() { finish(); }
  FakeNode(const FakeNode&) = delete;
  FakeNode& operator=(const FakeNode&) = delete;

  Node& node() { return *node_; }
  // Ends the session; what was asked, "operation" and arguments, in order, without hello.
  const std::vector<std::pair<std::string, nlohmann::json>>& finish() {
    node_.reset();
    if (thread_.joinable()) thread_.join();
    return asked_;
  }

 private:
  void serve(UniqueFd fd) {
    protocol::FrameStream stream(std::move(fd));
    while (true) {
      const auto frame = stream.receive(Deadline::never());
      if (!frame) return;
      const auto request = protocol::parse_request(frame->json);
      if (!request) return;
      std::string raw;
      protocol::ReplyEnvelope reply{request->id, answer(*request, frame->raw, raw)};
      if (!stream.send(protocol::to_text(reply), raw, Deadline::never())) return;
    }
  }

  Result<nlohmann::json> answer(const protocol::RequestEnvelope& request, const std::string& in, std::string& out) {
    const std::string& operation = request.operation;
    if (operation == "hello") {
      protocol::HelloReply hello;
      hello.build = build_id();
      hello.node = "fake";
      return nlohmann::json(hello);
    }
    asked_.emplace_back(operation, request.arguments);
    if (operation == protocol::SnapshotRequest::kOperation) return snapshot(request.arguments, out);
    if (const auto found = answers_.find(operation); found != answers_.end()) return found->second(request.arguments);
    if (operation == "put") return put(request.arguments.get<protocol::PutRequest>(), in);
    if (operation == "run") return run(request.arguments.get<protocol::RunRequest>());
    if (operation == "read") return read(out);
    if (operation == protocol::AwaitRequest::kOperation) return nlohmann::json(protocol::AwaitReply{});
    return nlohmann::json(protocol::Empty{});
  }

  Result<nlohmann::json> snapshot(const nlohmann::json& arguments, std::string& out) {
    Snapshot seen;
    if (const auto found = answers_.find(protocol::SnapshotRequest::kOperation); found != answers_.end()) {
      NETNS_LAB_ASSIGN(const nlohmann::json answer, found->second(arguments));
      seen = answer.get<Snapshot>();
    }
    out = protocol::take_namespaces(seen);
    return nlohmann::json(seen);
  }

  static Result<nlohmann::json> put(const protocol::PutRequest& put, const std::string& bytes) {
    const std::filesystem::path path = put.path;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    std::filesystem::permissions(path, static_cast<std::filesystem::perms>(put.mode));
    return nlohmann::json(protocol::Empty{});
  }

  Result<nlohmann::json> run(const protocol::RunRequest& run) {
    process::Command command;
    command.argv = run.argv;
    command.environment = run.environment;
    command.environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
    command.working_directory = "/home/ubuntu";
    command.time_limit = run.time_limit;
    command.output_limit = run.output_limit;
    NETNS_LAB_ASSIGN(outcome_, process::run_to_end(command));
    return nlohmann::json(protocol::HandleReply{1});
  }

  Result<nlohmann::json> read(std::string& out) {
    out = outcome_.output + outcome_.errors;
    protocol::ReadReply reply;
    reply.output_bytes = outcome_.output.size();
    reply.error_bytes = outcome_.errors.size();
    reply.end = true;
    protocol::CommandEnd end;
    end.how = static_cast<protocol::CommandEnd::How>(outcome_.end.how);
    end.code = outcome_.end.code;
    end.reason = outcome_.end.reason;
    end.dropped = outcome_.end.dropped;
    end.descendants_left = outcome_.end.descendants_left;
    end.descendants = outcome_.end.descendants;
    end.duration = outcome_.end.duration;
    reply.command = end;
    return nlohmann::json(reply);
  }

  std::map<std::string, Answer> answers_;
  std::vector<std::pair<std::string, nlohmann::json>> asked_;
  process::CommandOutcome outcome_;
  std::unique_ptr<Node> node_;
  std::thread thread_;
};

}  // namespace netns_lab::test_support
