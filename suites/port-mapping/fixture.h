// What the cases of the published port share: who asks for it, and what is seen of that at the containers' links and at
// the outside's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/conformance/translation.h"
#include "suites/common/declared_cases.h"
#include "suites/port-mapping/scenario.h"

namespace netns_lab::port_mapping {

class PortMapping : public suites::DeclaredCases {
 protected:
  enum class Client { kOutside, kNode, kCon1, kCon2 };
  // Those that the lab has.
  std::vector<Client> clients_but_con1();
  std::string text_of(Client client) const;  // "the outside", "netns2"

  // Something that a client asks for.
  struct Call {
    Client client = Client::kOutside;
    Transport transport = Transport::kUdp;
    Endpoint to;
    std::uint32_t payload = 512;  // bytes: of a datagram, or of the stream
    std::uint32_t datagrams = 3;
    std::uint16_t source_port = 0;  // 0: the kernel chooses
    std::chrono::milliseconds reply_wait{1'000};
  };
  // What came of it.
  struct Visit {
    Call call;
    ExchangeReport report;
    // What passed meanwhile: the links of the first and the second container, and the outside's.
    std::vector<IpHeader> at_con1;
    std::vector<IpHeader> at_con2;
    std::vector<IpHeader> at_outside;
  };
  struct Service {
    Client at = Client::kCon1;
    Endpoint endpoint;
  };
  // One call after the other, while an echo server of each transport stands at each of these. A server that cannot be
  // opened for a reason that lies in the subject is a failure.
  std::vector<Visit> visit(Subject& subject, const std::vector<Call>& calls, const std::vector<Service>& services);
  std::vector<Visit> visit(const std::vector<Call>& calls, const std::vector<Service>& services) {
    return visit(subject(), calls, services);
  }
  // The outside has a route to the containers' subnet as long as this lives.
  class Joined;
  Joined join_outside();

  Mapping mapping();
  // Bridged packets meet the rules, though the parameters say nothing of it.
  bool meets_rules_untold();
  Endpoint mapped() { return {uplink_address(), mapping().host_port}; }
  Endpoint server() const;                     // the first container's, and its port
  Endpoint of_con2(std::uint16_t port) const;  // the second one's address
  IpAddress outside_address();
  IpAddress outside_address(Subject& subject);
  Service service() const { return {Client::kCon1, server()}; }
  std::vector<Service> both_containers();
  // Over UDP and TCP.
  std::vector<Call> both(Client client, const Endpoint& to);

  // How that call must look at the first container's link.
  Translation want_of(const Visit& visit, std::vector<IpAddress> sources = {});
  static Endpoint client_of(const Visit& visit);
  std::vector<IpHeader> arrived(const Visit& visit);
  // Nothing is found; else what is, and what was seen.
  void expect_none(const Visit& visit, const std::vector<std::string>& findings);
  // Everything came back as it was sent, and it was the first container that did that.
  void expect_served_by_con1(const Visit& visit);
  // Nothing of it arrived at a container that was not asked.
  void expect_not_taken(const Visit& visit);

 private:
  std::string link_text(Client container) const;
  Node& node_of(Subject& subject, Client client);
  std::string namespace_of(Client client) const;
};

class PortMapping::Joined {
 public:
  Joined(Node& outside, AddRoute route) : outside_(&outside), route_(std::move(route)) {}
  Joined(const Joined&) = delete;
  Joined& operator=(const Joined&) = delete;
  ~Joined() { static_cast<void>(outside_->apply({DeleteRoute{route_.network_namespace, route_.route}})); }

 private:
  Node* outside_;
  AddRoute route_;
};

}  // namespace netns_lab::port_mapping
