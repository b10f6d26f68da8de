// A fake agent for tests, at the byte seam: answers hello, snapshot (an empty one) and shutdown. Its listener is served
// by a forked process.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "harness/base/build_id.h"
#include "harness/lab/lab.h"
#include "harness/lab/named_lab.h"
#include "harness/protocol/envelope.h"
#include "harness/protocol/frame_stream.h"
#include "harness/protocol/json.h"
#include "harness/protocol/packed_namespaces.h"

namespace netns_lab {

struct FakeAgent {
  std::string provider = "sandbox";
  std::string build = build_id();
  bool obeys_shutdown = true;

  // False once a session has said shutdown.
  bool serve(UniqueFd stream) const {
    protocol::FrameStream frames(std::move(stream));
    while (true) {
      const auto frame = frames.receive(Deadline::never());
      if (!frame) return true;
      const auto request = protocol::parse_request(frame->json);
      if (!request) return true;
      protocol::ReplyEnvelope reply{.id = request->id, .result = nlohmann::json::object()};
      if (request->operation == "hello") {
        protocol::HelloReply hello;
        hello.build = build;
        hello.provider = provider;
        hello.node = "node-1";
        reply.result = nlohmann::json(hello);
      }
      std::string raw;
      if (request->operation == "snapshot") {
        Snapshot nothing;
        raw = protocol::take_namespaces(nothing);
        reply.result = nlohmann::json(nothing);
      }
      if (!frames.send(protocol::to_text(reply), raw, Deadline::never())) return true;
      if (request->operation == "shutdown" && obeys_shutdown) return false;
    }
  }

  // In a process of its own, which is not our child; ready when this returns.
  void listen_in(const std::string& folder) const {
    const pid_t helper = ::fork();
    if (helper == 0) {
      auto listener = listen_at(folder + "/" + kNodeSocket);
      if (::fork() != 0) ::_exit(listener ? 0 : 1);
      ::setsid();
      const int nothing = ::open("/dev/null", O_RDWR);
      for (const int fd : {0, 1, 2}) ::dup2(nothing, fd);  // a test runner waits for the end of our output
      for (int fd = 3; fd < 256; ++fd) {
        if (fd != listener->get()) ::close(fd);  // above all the lock that the caller holds
      }
      ::listen(listener->get(), 64);
      while (true) {
        UniqueFd stream(::accept(listener->get(), nullptr, nullptr));
        if (!stream.valid() || !serve(std::move(stream))) ::_exit(0);
      }
    }
    ::waitpid(helper, nullptr, 0);
  }

  LabServices services() const {
    LabServices made;
    made.start_named = [agent = *this](const LabSpec&, const std::string& folder) -> Result<void> {
      agent.listen_in(folder);
      return {};
    };
    return made;
  }
};

}  // namespace netns_lab
