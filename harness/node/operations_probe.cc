#include <fmt/format.h>

#include <memory>
#include <utility>

#include "harness/node/handles_network.h"
#include "harness/node/mesh.h"
#include "harness/node/operations.h"
#include "harness/node/session.h"
#include "harness/probe/echo_lanes.h"
#include "harness/probe/exchange_lanes.h"
#include "harness/protocol/packed_reports.h"

namespace netns_lab::node {

Result<protocol::ProbeReply> probe_all(OperationContext& context, const protocol::ProbeRequest& request) {
  protocol::ProbeReply reply;
  NETNS_LAB_TRY(
      context.session.with_prober(context.deadline, context.cancellation, [&](probe::Prober& prober) -> Result<void> {
        const probe::Cancel cancel = {.fd = context.cancellation.fd()};
        const probe::SocketFactory factory = socket_factory(context.session.agent().context.namespace_directory);
        if (!request.echoes.empty()) {
          NETNS_LAB_ASSIGN(reply.echoes, request.lanes == 0
                                             ? prober.echo(request.echoes, cancel)
                                             : probe::echo_in_lanes(factory, request.echoes, request.lanes, cancel));
        }
        if (!request.exchanges.empty()) {
          probe::ExchangeLanes lanes(prober, factory, cancel);
          NETNS_LAB_ASSIGN(reply.exchanges, lanes.run(request.exchanges));
        }
        if (request.last) prober.release_all();
        return {};
      }));
  context.reply_raw = protocol::take_reports(reply);
  return reply;
}

Result<MeshReport> mesh(OperationContext& context, const protocol::MeshRequest& request) {
  return run_mesh(context.session.agent().context.namespace_directory, request.spec, context.deadline,
                  context.cancellation);
}

Result<protocol::ServeReply> serve(OperationContext& context, const protocol::ServeRequest& request) {
  Session& session = context.session;
  NETNS_LAB_ASSIGN(OpenServer server,
                   open_server(socket_factory(session.agent().context.namespace_directory), request.spec));
  NETNS_LAB_ASSIGN(const protocol::Handle handle, session.handles().add(std::move(server.object)));
  return protocol::ServeReply{.handle = handle, .port = server.port};
}

Result<protocol::HandleReply> capture(OperationContext& context, const protocol::CaptureRequest& request) {
  Session& session = context.session;
  NETNS_LAB_ASSIGN(auto object, open_capture(socket_factory(session.agent().context.namespace_directory), request));
  NETNS_LAB_ASSIGN(const protocol::Handle handle, session.handles().add(std::move(object)));
  return protocol::HandleReply{.handle = handle};
}

Result<protocol::WatchReply> watch(OperationContext& context, const protocol::WatchRequest& request) {
  Session& session = context.session;
  NETNS_LAB_ASSIGN(auto watch, WatchHandle::open(socket_factory(session.agent().context.namespace_directory), request));
  const std::uint32_t queue_bytes = watch->queue_bytes();
  NETNS_LAB_ASSIGN(const protocol::Handle handle, session.handles().add(std::move(watch)));
  return protocol::WatchReply{.handle = handle, .queue_bytes = queue_bytes};
}

Result<protocol::SightingsReply> sightings(OperationContext& context, const protocol::SightingsRequest& request) {
  NETNS_LAB_ASSIGN(const auto object, context.session.handles().find(request.handle));
  const auto watch = std::dynamic_pointer_cast<WatchHandle>(object);
  if (watch == nullptr) {
    return tl::unexpected(Error::invalid(fmt::format("ask handle {} for sightings", request.handle), "it is no watch"));
  }
  return watch->sightings(request.probes);
}

Result<protocol::HandleReply> trace(OperationContext& context, const protocol::TraceRequest& request) {
  Session& session = context.session;
  auto object = TraceHandle::open(session.agent().context.namespace_directory, request);
  NETNS_LAB_ASSIGN(const protocol::Handle handle, session.handles().add(std::move(object)));
  return protocol::HandleReply{.handle = handle};
}

Result<protocol::VerdictsReply> verdicts(OperationContext& context, const protocol::VerdictsRequest& request) {
  NETNS_LAB_ASSIGN(const auto object, context.session.handles().find(request.handle));
  const auto trace = std::dynamic_pointer_cast<TraceHandle>(object);
  if (trace == nullptr) {
    return tl::unexpected(Error::invalid(fmt::format("ask handle {} for verdicts", request.handle), "it is no trace"));
  }
  return trace->verdicts();
}

}  // namespace netns_lab::node
