// A stand-in for the agent, for tests of what makes nodes: it runs what it is told with /bin/sh and says what came of
// it.
#pragma once

#include <string>

#include "harness/base/deadline.h"
#include "harness/base/unique_fd.h"
#include "harness/node/agent.h"

namespace netns_lab::node::test {

// The agent's side. A request is a line; its answer is everything printed, then "\n[STATUS]\n". "context" answers with
// what the agent was told, "leftovers" with list_leftovers.
int serve_shell(const AgentContext& context, UniqueFd stream);
// Accepts one connection after the other; the request "shutdown" ends it.
int serve_shell_listener(const AgentContext& context, UniqueFd listener);

// The tester's side.
struct Answer {
  std::string output;  // without the last newline
  int status = -1;     // exit status; -1: the stream ended first
};
Answer ask(const UniqueFd& stream, const std::string& command);
// True when the other end is closed before the deadline.
bool ends_by(const UniqueFd& stream, Deadline deadline);

}  // namespace netns_lab::node::test
