// Every value of the model as JSON: what travels between tester and node, and what stands in record.jsonl.
//
//   const nlohmann::json json = snapshot;              // include <nlohmann/json.hpp> where you do this
//   NETNS_LAB_ASSIGN(const auto parsed, parse_json(text));
//   NETNS_LAB_ASSIGN(const Snapshot back, json_to<Snapshot>(parsed));   // in json_support.h
//
// Keys are the fields' names. Addresses, prefixes, MACs and enumerations are text; ExitStatus is its number. Variants
// carry their alternative's name: {"change":"create-veth", …}, {"event":"case-ended", …}. get<T>() throws
// nlohmann::json::exception, and nothing else, on anything amiss; json_to<T>() returns it as kInvalid.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "harness/base/error.h"
#include "harness/model/change.h"
#include "harness/model/diff.h"
#include "harness/model/echo.h"
#include "harness/model/exchange.h"
#include "harness/model/filter_verdict.h"
#include "harness/model/mesh.h"
#include "harness/model/packet_drop.h"
#include "harness/model/run_record.h"
#include "harness/model/scenario.h"
#include "harness/model/snapshot.h"
#include "harness/model/verdict.h"

// to_json and from_json of a type, in the type's own namespace.
#define NETNS_LAB_JSON_DECLARE(Type)                    \
  void to_json(nlohmann::json& out, const Type& value); \
  void from_json(const nlohmann::json& in, Type& value)

namespace netns_lab {

// One line, never throws: bytes that are not UTF-8 become U+FFFD.
std::string dump_json(const nlohmann::json& json);
// The same for messages: made visible and cut after `limit` bytes.
std::string dump_json(const nlohmann::json& json, std::size_t limit);
// kInvalid when it is not JSON or nested deeper than `depth_limit` (which keeps hostile input off the stack).
Result<nlohmann::json> parse_json(std::string_view text, unsigned depth_limit = 64);

// base and addresses (json_basic.cc)
NETNS_LAB_JSON_DECLARE(ErrorKind);
NETNS_LAB_JSON_DECLARE(Error);
NETNS_LAB_JSON_DECLARE(Family);
NETNS_LAB_JSON_DECLARE(IpAddress);
NETNS_LAB_JSON_DECLARE(Prefix);
NETNS_LAB_JSON_DECLARE(MacAddress);

// kernel objects (json_kernel.cc)
NETNS_LAB_JSON_DECLARE(OperState);
NETNS_LAB_JSON_DECLARE(VxlanSettings);
NETNS_LAB_JSON_DECLARE(FilterVerdict);
NETNS_LAB_JSON_DECLARE(PacketDrop);
NETNS_LAB_JSON_DECLARE(Link);
NETNS_LAB_JSON_DECLARE(Scope);
NETNS_LAB_JSON_DECLARE(InterfaceAddress);
NETNS_LAB_JSON_DECLARE(RouteType);
NETNS_LAB_JSON_DECLARE(NextHop);
NETNS_LAB_JSON_DECLARE(Route);
NETNS_LAB_JSON_DECLARE(RoutingRule);
NETNS_LAB_JSON_DECLARE(RouteQuery);
NETNS_LAB_JSON_DECLARE(RouteAnswer);
NETNS_LAB_JSON_DECLARE(Neighbour);
NETNS_LAB_JSON_DECLARE(ForwardingEntry);
NETNS_LAB_JSON_DECLARE(QueueDiscipline);
NETNS_LAB_JSON_DECLARE(BoundSocket);
NETNS_LAB_JSON_DECLARE(NamespaceState);
NETNS_LAB_JSON_DECLARE(NamespaceEntry);
NETNS_LAB_JSON_DECLARE(ProcessState);
NETNS_LAB_JSON_DECLARE(Snapshot);
NETNS_LAB_JSON_DECLARE(SnapshotOptions);

NETNS_LAB_JSON_DECLARE(Finding::Kind);
NETNS_LAB_JSON_DECLARE(Finding);

// changes (json_change.cc)
NETNS_LAB_JSON_DECLARE(CreateNamespace);
NETNS_LAB_JSON_DECLARE(DeleteNamespace);
NETNS_LAB_JSON_DECLARE(CreateVeth);
NETNS_LAB_JSON_DECLARE(CreateLink);
NETNS_LAB_JSON_DECLARE(CreateVxlan);
NETNS_LAB_JSON_DECLARE(CreateTunRelay);
NETNS_LAB_JSON_DECLARE(DeleteLink);
NETNS_LAB_JSON_DECLARE(SetLink);
NETNS_LAB_JSON_DECLARE(AddAddress);
NETNS_LAB_JSON_DECLARE(DeleteAddress);
NETNS_LAB_JSON_DECLARE(AddRoute);
NETNS_LAB_JSON_DECLARE(DeleteRoute);
NETNS_LAB_JSON_DECLARE(AddRule);
NETNS_LAB_JSON_DECLARE(DeleteRule);
NETNS_LAB_JSON_DECLARE(AddNeighbour);
NETNS_LAB_JSON_DECLARE(DeleteNeighbour);
NETNS_LAB_JSON_DECLARE(AddForwarding);
NETNS_LAB_JSON_DECLARE(SetSysctl);
NETNS_LAB_JSON_DECLARE(NftMatch);
NETNS_LAB_JSON_DECLARE(NftAction);
NETNS_LAB_JSON_DECLARE(NftRule);
NETNS_LAB_JSON_DECLARE(NftChain);
NETNS_LAB_JSON_DECLARE(CreateNftTable);
NETNS_LAB_JSON_DECLARE(DeleteNftTable);
NETNS_LAB_JSON_DECLARE(Change);

// probes (json_probe.cc); intervals and waits in the units of their fields' types
NETNS_LAB_JSON_DECLARE(EchoSpec);
NETNS_LAB_JSON_DECLARE(EchoReply);
NETNS_LAB_JSON_DECLARE(IcmpProblem);
NETNS_LAB_JSON_DECLARE(Echo);
NETNS_LAB_JSON_DECLARE(SightingKind);
NETNS_LAB_JSON_DECLARE(PacketDirection);
NETNS_LAB_JSON_DECLARE(Sighting);
NETNS_LAB_JSON_DECLARE(EchoReport);
NETNS_LAB_JSON_DECLARE(MeshMember);
NETNS_LAB_JSON_DECLARE(MeshSpec);
NETNS_LAB_JSON_DECLARE(MeshLoss);
NETNS_LAB_JSON_DECLARE(MeshGap);
NETNS_LAB_JSON_DECLARE(MeshReport);
NETNS_LAB_JSON_DECLARE(Transport);
NETNS_LAB_JSON_DECLARE(ServeSpec);
NETNS_LAB_JSON_DECLARE(ExchangeSpec);
NETNS_LAB_JSON_DECLARE(ExchangeReport);

// scenarios, requirements and the run (json_run.cc)
NETNS_LAB_JSON_DECLARE(Level);
NETNS_LAB_JSON_DECLARE(Requirement);
NETNS_LAB_JSON_DECLARE(Verdict);
NETNS_LAB_JSON_DECLARE(ExitStatus);
NETNS_LAB_JSON_DECLARE(Parameter);
NETNS_LAB_JSON_DECLARE(Attachment);
NETNS_LAB_JSON_DECLARE(Topology);
void to_json(nlohmann::json& out, const Scenario& scenario);  // without its topology, which is code
NETNS_LAB_JSON_DECLARE(RunStarted);
NETNS_LAB_JSON_DECLARE(WorkerStarted);
NETNS_LAB_JSON_DECLARE(CaseStarted);
NETNS_LAB_JSON_DECLARE(CaseEnded);
NETNS_LAB_JSON_DECLARE(WorkerEnded);
NETNS_LAB_JSON_DECLARE(RunEnded);
NETNS_LAB_JSON_DECLARE(RunEvent);

}  // namespace netns_lab
