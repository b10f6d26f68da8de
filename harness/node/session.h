// One session: what one tester has open, has claimed and has made on this node.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "harness/node/agent_state.h"
#include "harness/node/handles.h"
#include "harness/node/request_pump.h"
#include "harness/node/session_objects.h"
#include "harness/probe/prober.h"

namespace netns_lab::node {

// Creates sockets in the namespaces named in a folder; "" is the calling thread's.
probe::SocketFactory socket_factory(const std::string& namespace_directory);

class Session {
 public:
  // `is_ending`: whether its stream is gone already.
  Session(AgentState& agent, SessionNumber number, std::function<bool()> is_ending);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // Does one request; for a pump, from any of its threads.
  PumpedAnswer perform(PumpedRequest& request);
  // Everything the session made goes, unless it claimed with `keep`; its names are free then. When no request is under
  // way any more. What could not be removed is told on standard error.
  void end();

  AgentState& agent() { return agent_; }
  SessionNumber number() const { return number_; }
  HandleTable& handles() { return handles_; }
  SessionObjects& objects() { return objects_; }
  void hello_was(bool same_build) { same_build_ = same_build; }

  // The prober is for one thread at a time: `use` waits for its turn. kTimeout, kCancelled.
  Result<void> with_prober(Deadline deadline, const Cancellation& cancellation,
                           const std::function<Result<void>(probe::Prober&)>& use);
  // Captures keep namespaces alive: before a namespace is deleted, or somebody is let loose who may do so.
  void release_captures(const std::string& network_namespace);
  void release_named_captures();
  // Closes the captures side by side, unless a probe is under way: a process that ends closes them one after the other,
  // 10 ms each.
  void close_idle_captures();

 private:
  AgentState& agent_;
  SessionNumber number_;
  std::atomic<bool> same_build_{false};
  bool ended_ = false;
  std::timed_mutex prober_mutex_;
  std::unique_ptr<probe::Prober> prober_;
  SessionObjects objects_;
  HandleTable handles_;
};

}  // namespace netns_lab::node
