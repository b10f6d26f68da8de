#include "harness/conformance/translation.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>

#include "harness/base/text.h"

namespace netns_lab {
namespace {

std::uint8_t protocol_of(Transport transport) { return transport == Transport::kUdp ? IPPROTO_UDP : IPPROTO_TCP; }

Endpoint source_of(const IpHeader& packet) { return {packet.source, packet.identifier}; }
Endpoint destination_of(const IpHeader& packet) { return {packet.destination, packet.sequence}; }

bool is_whole(const IpHeader& packet, Transport transport) {
  return !packet.is_fragment && packet.protocol == protocol_of(transport);
}

// Equal findings of several packets once.
class Findings {
 public:
  void add(std::string text) {
    if (std::find(lines_.begin(), lines_.end(), text) == lines_.end()) lines_.push_back(std::move(text));
  }
  std::vector<std::string> lines() && { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

std::string what(const Translation& want) { return fmt::format("{} from {}", to_string(want.transport), want.client); }

std::string nothing_arrived(const Translation& want) {
  return fmt::format("{} to {}: nothing of it arrives at {}", what(want), to_string(want.mapped), want.place);
}

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  return fmt::format("{} port {}", endpoint.address.to_string(), endpoint.port);
}

std::vector<IpHeader> arrivals(const std::vector<IpHeader>& packets, Transport transport, const IpAddress& own,
                               const Endpoint& answering) {
  std::vector<IpHeader> arrived;
  for (const IpHeader& packet : packets) {
    if (!is_whole(packet, transport) || packet.destination != own || source_of(packet) == answering) continue;
    arrived.push_back(packet);
  }
  return arrived;
}

std::vector<std::string> destination_findings(const std::vector<IpHeader>& arrived, const Translation& want) {
  if (arrived.empty()) return {nothing_arrived(want)};
  Findings findings;
  for (const IpHeader& packet : arrived) {
    if (destination_of(packet) == want.server) continue;
    findings.add(fmt::format("{} to {} arrives at {} addressed to {}, not to {}", what(want), to_string(want.mapped),
                             want.place, to_string(destination_of(packet)), to_string(want.server)));
  }
  return std::move(findings).lines();
}

std::vector<std::string> source_findings(const std::vector<IpHeader>& arrived, const Translation& want) {
  if (arrived.empty()) return {nothing_arrived(want)};
  std::vector<std::string> expected;
  for (const IpAddress& source : want.sources) expected.push_back(source.to_string());
  Findings findings;
  for (const IpHeader& packet : arrived) {
    if (std::find(want.sources.begin(), want.sources.end(), packet.source) != want.sources.end()) continue;
    findings.add(fmt::format("{} to {} arrives at {} from {}, not from {}", what(want), to_string(want.mapped),
                             want.place, packet.source.to_string(), join(expected, " or ")));
  }
  return std::move(findings).lines();
}

std::vector<std::string> answer_findings(const std::vector<IpHeader>& packets, const Endpoint& client,
                                         const Translation& want) {
  Findings findings;
  bool is_any = false;
  for (const IpHeader& packet : packets) {
    if (!is_whole(packet, want.transport) || destination_of(packet) != client) continue;
    is_any = true;
    if (source_of(packet) == want.mapped) continue;
    findings.add(
        fmt::format("{} to {} is answered by {}", what(want), to_string(want.mapped), to_string(source_of(packet))));
  }
  if (!is_any) findings.add(fmt::format("{} to {}: no answer is seen", what(want), to_string(want.mapped)));
  return std::move(findings).lines();
}

std::vector<std::string> error_findings(const std::vector<IpHeader>& packets, const IpAddress& client,
                                        const IpAddress& speaker, const Translation& want) {
  Findings findings;
  bool is_any = false;
  for (const IpHeader& packet : packets) {
    if (!packet.is_error || packet.destination != client) continue;
    is_any = true;
    if (packet.source == speaker) continue;
    findings.add(fmt::format("{} to {}: the error is told by {}, not by {}", what(want), to_string(want.mapped),
                             packet.source.to_string(), speaker.to_string()));
  }
  if (!is_any) findings.add(fmt::format("{} to {}: no error is seen", what(want), to_string(want.mapped)));
  return std::move(findings).lines();
}

}  // namespace netns_lab
