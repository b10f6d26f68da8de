// Serves sessions with a given table of operations: what serve_stream and serve_listener do with the whole table, and
// tests with their own.
#pragma once

#include "harness/base/unique_fd.h"
#include "harness/node/agent_state.h"
#include "harness/node/session.h"

namespace netns_lab::node {

// One session, to its end. `on_end` is called the moment the stream has ended, before anything is tidied up.
void serve_session(AgentState& agent, SessionNumber number, UniqueFd stream, std::function<void(Session&)> on_end);
// Sessions from the listening socket, each on threads of its own, until agent.stop is requested; then all of them are
// ended.
void serve_sessions(AgentState& agent, UniqueFd listener);

}  // namespace netns_lab::node
