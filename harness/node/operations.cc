#include "harness/node/operations.h"

#include <sys/utsname.h>

#include <cerrno>

#include "harness/base/descriptor_limit.h"
#include "harness/node/session.h"

namespace netns_lab::node {

OperationTable all_operations() {
  OperationTable table;
  table.add(&hello, Pace::kQuick);
  table.add(&shut_down, Pace::kQuick);
  table.add(&claim);
  table.add(&apply);
  table.add(&snapshot);
  table.add(&await);
  table.add(&look_up);
  table.add(&probe_all);
  table.add(&mesh);
  table.add(&serve);
  table.add(&capture);
  table.add(&watch);
  table.add(&sightings);
  table.add(&trace);
  table.add(&verdicts);
  table.add(&run);
  table.add(&read);
  table.add(&write);
  table.add(&close);
  table.add(&put);
  return table;
}

Result<protocol::HelloReply> hello(OperationContext& context, const protocol::HelloRequest& request) {
  const AgentState& agent = context.session.agent();
  utsname kernel = {};
  if (::uname(&kernel) != 0) return tl::unexpected(Error::system("ask for the kernel's release", errno));
  context.session.hello_was(request.build == agent.build);
  // Unequal builds are told each other's names too: the tester words the error, and may ask for a shutdown.
  return protocol::HelloReply{.build = agent.build,
                              .provider = agent.context.provider,
                              .node = agent.context.node,
                              .host_name = agent.context.host_name,
                              .kernel = kernel.release,
                              .uplink = agent.context.uplink,
                              .uplink_addresses = agent.context.uplink_addresses,
                              .outside_addresses = agent.context.outside_addresses,
                              .lost = agent.context.lost,
                              .descriptors = descriptor_limit()};
}

Result<protocol::Empty> shut_down(OperationContext& context, const protocol::ShutdownRequest& /*request*/) {
  context.session.agent().stop.request();
  return protocol::Empty();
}

}  // namespace netns_lab::node
