// diagnose: where a packet's way ends in a standing lab, and why.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_status.h"
#include "harness/cli/lab_choice.h"
#include "harness/cli/output.h"
#include "harness/cli/services.h"
#include "harness/testing/investigation.h"

namespace netns_lab::cli {
namespace {

constexpr std::chrono::seconds kHelloLimit{5};
constexpr auto kFirstNode = "host";  // as the tutorials say it
constexpr std::uint32_t kEchoes = 3;

struct Sender {
  std::size_t node = 0;
  std::string network_namespace;
};

Result<Sender> parse_sender(const std::string& text, const std::vector<Node*>& nodes) {
  const std::size_t colon = text.find(':');
  const std::string node = text.substr(0, colon);
  Sender sender;
  if (colon != std::string::npos) sender.network_namespace = text.substr(colon + 1);
  const std::string attempted = "--from " + visible_line(text);
  if (colon != std::string::npos && sender.network_namespace.empty())
    return tl::unexpected(Error::invalid(attempted, "there is no namespace behind the colon", "NODE, or NODE:NETNS"));
  std::vector<std::string> known{kFirstNode};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    known.push_back(nodes[i]->hello().node);
    if (node != known.back()) continue;
    sender.node = i;
    return sender;
  }
  if (node == kFirstNode) return sender;
  return tl::unexpected(Error::invalid(attempted, "this lab has no such node",
                                       "it has " + join(known, ", ") + "; a namespace is written NODE:NETNS"));
}

Result<IpAddress> parse_destination(const std::string& text) {
  const std::string attempted = "--to " + visible_line(text);
  const auto address = IpAddress::parse(text);
  if (!address) return tl::unexpected(Error::invalid(attempted, "it is no IP address", "10.0.0.1, or fd00::1"));
  if (address->is_multicast() || *address == IpAddress::unspecified(address->family()))
    return tl::unexpected(Error::invalid(attempted, "it is no one machine's address"));
  if (address->is_link_local())
    return tl::unexpected(Error::invalid(attempted, "a link-local address says nothing without a link",
                                         "give the machine's other address"));
  return *address;
}

Result<void> check_namespace(Node& node, const Sender& sender) {
  if (sender.network_namespace.empty()) return {};
  SnapshotOptions options;
  options.processes = false;
  options.files = false;
  options.addressing_only = true;
  NETNS_LAB_ASSIGN(const Snapshot snapshot, node.snapshot(options));
  if (snapshot.find_namespace(sender.network_namespace) != nullptr) return {};
  std::vector<std::string> known;
  for (const NamespaceState& state : snapshot.namespaces) {
    if (!state.name.empty()) known.push_back(state.name);
  }
  return tl::unexpected(Error::invalid(
      fmt::format("--from {}:{}", node.hello().node, visible_line(sender.network_namespace)),
      "there is no such namespace on that node", known.empty() ? "it has none" : "it has " + join(known, ", ")));
}

nlohmann::json to_json(const Arguments& arguments, const Findings& findings, const Diagnosis& diagnosis) {
  const WalkEvidence& evidence = findings.evidence;
  nlohmann::json walk = nlohmann::json::array();
  for (const WalkedPoint& point : walked(evidence)) {
    walk.push_back({{"what", point.what},
                    {"place", point.place},
                    {"link", point.link},
                    {"direction", to_string(point.direction)},
                    {"seen", point.seen}});
  }
  nlohmann::json json = {{"from", arguments.from},
                         {"to", arguments.to},
                         {"reachable", evidence.trace.all_answered},
                         {"step", to_string(diagnosis.step)},
                         {"why", diagnosis.step == Diagnosis::Step::kNone ? "" : diagnosis.text},
                         {"sent", evidence.trace.sent},
                         {"walk", walk}};
  return json;
}

std::string to_text(const Arguments& arguments, const Findings& findings, const Diagnosis& diagnosis) {
  const WalkEvidence& evidence = findings.evidence;
  std::string text = fmt::format("{} to {}: {}\n", arguments.from, arguments.to,
                                 evidence.trace.all_answered ? "reachable" : "not reachable");
  if (diagnosis.step != Diagnosis::Step::kNone)
    text += (evidence.trace.all_answered ? "  but: " : "  ") + diagnosis.text + "\n";
  for (const WalkedPoint& point : walked(evidence)) text += "    " + to_string(point) + "\n";
  return text;
}

Result<Findings> walk(const Arguments& arguments) {
  NETNS_LAB_ASSIGN(const IpAddress destination, parse_destination(arguments.to));
  NETNS_LAB_ASSIGN(LabSpec spec, named_lab_spec(arguments));
  spec.nodes = nodes_of_named(spec.name);
  NETNS_LAB_ASSIGN(Lab lab, Lab::open(spec, lab_services(), Deadline::after(kHelloLimit)));
  std::vector<Node*> nodes;
  for (Node& node : lab.nodes()) nodes.push_back(&node);
  NETNS_LAB_ASSIGN(const Sender sender, parse_sender(arguments.from, nodes));
  NETNS_LAB_TRY(check_namespace(*nodes[sender.node], sender));
  Enquiry enquiry;
  enquiry.from = sender.node;
  enquiry.echo.network_namespace = sender.network_namespace;
  enquiry.echo.destination = destination;
  enquiry.echo.count = kEchoes;
  return investigate(nodes, enquiry);
}

}  // namespace

ExitStatus run_diagnose(const Arguments& arguments) {
  const auto findings = walk(arguments);
  if (!findings) return complain(findings.error());
  const Diagnosis diagnosis = diagnose(findings->evidence);
  if (arguments.json) {
    print(to_json(arguments, *findings, diagnosis).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
          "\n");
  } else {
    print(visible(to_text(arguments, *findings, diagnosis)));
  }
  return findings->evidence.trace.all_answered ? ExitStatus::kConformant : ExitStatus::kNotConformant;
}

}  // namespace netns_lab::cli
