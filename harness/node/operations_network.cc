#include "harness/node/apply.h"
#include "harness/node/await_state.h"
#include "harness/node/device_manager.h"
#include "harness/node/host_checks.h"
#include "harness/node/operations.h"
#include "harness/node/session.h"
#include "harness/node/snapshot.h"
#include "harness/protocol/packed_namespaces.h"

namespace netns_lab::node {

Result<protocol::Empty> claim(OperationContext& context, const protocol::ClaimRequest& request) {
  Session& session = context.session;
  AgentState& agent = session.agent();
  const InUseCheck in_use = [&](const protocol::ClaimRequest& wanted) -> Result<void> {
    if (agent.context.provider == "host") NETNS_LAB_TRY(agent.reservations.reserve(wanted));
    if (auto free = check_claim(agent.context, wanted); !free) {
      agent.reservations.release(wanted);
      return free;
    }
    // From here on a target may make them; should everything die, the journal knows whose they are.
    // Nothing is claimed when one is refused, and what is not claimed must not be undone later.
    for (std::size_t i = 0; i < wanted.links.size(); ++i) {
      auto noted = agent.journal.before_link(wanted.links[i]);
      if (noted) continue;
      for (std::size_t j = 0; j < i; ++j) static_cast<void>(agent.journal.forget_link(wanted.links[j]));
      return noted;
    }
    for (std::size_t i = 0; i < wanted.nft_tables.size(); ++i) {
      auto noted = agent.journal.before_nft_table(wanted.nft_tables[i]);
      if (noted) continue;
      for (std::size_t j = 0; j < i; ++j) static_cast<void>(agent.journal.forget_nft_table(wanted.nft_tables[j]));
      for (const std::string& link : wanted.links) static_cast<void>(agent.journal.forget_link(link));
      return noted;
    }
    return {};
  };
  NETNS_LAB_TRY(agent.claims.claim(session.number(), request, in_use, context.deadline, context.cancellation));
  return protocol::Empty();
}

Result<protocol::Empty> apply(OperationContext& context, const protocol::ApplyRequest& request) {
  Session& session = context.session;
  session.agent().origin.sysctls().close();
  for (const Change& change : request.changes) {
    if (const auto* gone = std::get_if<DeleteNamespace>(&change)) session.release_captures(gone->name);
  }
  NETNS_LAB_ASSIGN(auto network, session.agent().network.take());
  NETNS_LAB_TRY(session.objects().apply(*network, request.changes));
  return protocol::Empty();
}

Result<Snapshot> snapshot(OperationContext& context, const protocol::SnapshotRequest& request) {
  AgentState& agent = context.session.agent();
  const auto take = [&]() -> Result<Snapshot> {
    NETNS_LAB_ASSIGN(auto network, agent.network.take());
    return take_snapshot(agent.context, agent.origin, *network, request.options);
  };
  NETNS_LAB_ASSIGN(Snapshot snapshot, request.first ? agent.first_snapshot.get(take) : take());
  snapshot.files = context.session.objects().without_put(std::move(snapshot.files));
  context.reply_raw = protocol::take_namespaces(snapshot);
  return snapshot;
}

Result<protocol::AwaitReply> await(OperationContext& context, const protocol::AwaitRequest& request) {
  AgentState& agent = context.session.agent();
  NETNS_LAB_ASSIGN(auto network, agent.network.take());
  AwaitOptions options{.cancel_fd = context.cancellation.fd(), .device_database = device_database(agent.context)};
  Deadline deadline = context.deadline;
  if (request.limit_ms > 0) {
    options.kernel_deadline = deadline;
    deadline = deadline.sooner_of(Deadline::after(std::chrono::milliseconds(request.limit_ms)));
  }
  NETNS_LAB_ASSIGN(const auto late, await_state(*network, request, deadline, options));
  return protocol::AwaitReply{.late_ms = late.count()};
}

Result<protocol::LookupReply> look_up(OperationContext& context, const protocol::LookupRequest& request) {
  NETNS_LAB_ASSIGN(auto network, context.session.agent().network.take());
  NETNS_LAB_ASSIGN(std::vector<RouteAnswer> answers, look_up_routes(*network, request.queries));
  return protocol::LookupReply{.answers = std::move(answers)};
}

}  // namespace netns_lab::node
