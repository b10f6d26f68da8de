// A stand-in for the agent, for tests of what makes nodes: it runs what it is told with /bin/sh and says what came of
// it.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/unique_fd.h"
#include "harness/node/agent.h"

namespace netns_lab::node::test {

// The agent's side. A request is a line; its answer is everything printed, then "\n[STATUS]\n". "context" answers with
// what the agent was told, "leftovers" with list_leftovers and SetUpFiles, "mounts" with MountWatch, "journal-link
// NAME" after it was journalled, "device-database" with whether there is one ("none") that can be opened ("there").
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

// What a shell command prints here, in the test binary's own throw-away namespaces, which stand for the machine.
std::string machine(const std::string& command);

// Every process below this one. Those whose parents have ended count only where this process is a subreaper (prctl(2)).
std::set<pid_t> descendants();
// Waits for every one of them to end, reaping those that come to us; returns those left at the deadline.
std::set<pid_t> left_by(Deadline deadline);

}  // namespace netns_lab::node::test
