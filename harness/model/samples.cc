#include "harness/model/samples.h"

namespace netns_lab::samples {
namespace {

IpAddress v6(std::uint8_t last) {
  std::array<std::uint8_t, 16> bytes{0xFD};
  bytes[15] = last;
  return IpAddress::from_bytes(bytes);
}

const IpAddress kContainer = IpAddress::v4(10, 200, 1, 1);
const IpAddress kNode = IpAddress::v4(192, 168, 50, 10);
const MacAddress kMac({0x02, 0, 0, 0, 0, 0x01});
const MacAddress kPeerMac({0x02, 0, 0, 0, 0, 0x02});

Sighting sighting() {
  return {.network_namespace = "netns1",
          .link = "veth2",
          .direction = PacketDirection::kReceived,
          .kind = SightingKind::kRequest,
          .link_source = kMac,
          .link_destination = kPeerMac,
          .source = kNode,
          .destination = kContainer,
          .ttl = 64,
          .identifier = 4711,
          .sequence = 1,
          .advertised = kMac,
          .payload_size = 56,
          .payload_intact = true,
          .fragments = 1,
          .time = std::chrono::nanoseconds(1'700'000'000'123'456'789),
          .sent_as = 815};
}

}  // namespace

Link link() {
  return {.index = 2,
          .name = "veth1",
          .kind = "veth",
          .mac = kMac,
          .broadcast = kPeerMac,
          .mtu = 1500,
          .flags = 0x11043,
          .operstate = OperState::kUp,
          .carrier = true,
          .master = 7,
          .peer_index = 3,
          .peer_netnsid = 0,
          .group = 5,
          .promiscuity = 1,
          .qdisc = "noqueue",
          .alias = "the host's end",
          .alternative_names = {"uplink-of-netns1"},
          .xdp_attached = true,
          .settings = {{"gso_max_size", 65'536}, {"txqueuelen", 1000}},
          .switched_off = {"rx-gro", "tx-nocache-copy"},
          .token = IpAddress::parse("::99").value(),
          .bridge = {{"ageing_time", 30'000}},
          .bridge_port = {{"learning", 1}, {"state", 3}},
          .vxlan = VxlanSettings{.vni = 42,
                                 .port = 4789,
                                 .local = IpAddress::v4(10, 0, 0, 10),
                                 .remote = IpAddress::v4(10, 0, 1, 20),
                                 .link_index = 2,
                                 .other = {{"learning", 1}}}};
}

InterfaceAddress interface_address() {
  return {.link_index = 2,
          .link = "veth2",
          .prefix = Prefix::host(kContainer),
          .peer = IpAddress::v4(10, 200, 1, 2),
          .broadcast = IpAddress::v4(10, 200, 1, 255),
          .scope = Scope::kLink,
          .flags = 0x80,
          .valid_lifetime = 3600,
          .preferred_lifetime = 1800,
          .label = "veth2:1"};
}

Route route() {
  return {.destination = Prefix::default_route(Family::kIpv6),
          .source = Prefix::host(v6(9)),
          .type = RouteType::kUnicast,
          .table = 100,
          .protocol = 4,
          .scope = Scope::kNowhere,
          .metric = 1024,
          .tos = 0x10,
          .preferred_source = v6(1),
          .mtu = 1400,
          .other_metrics = {{"advmss", "500"}},
          .flags = 0x4,
          .hops = {{.link_index = 2, .link = "veth1", .gateway = v6(2), .weight = 1, .flags = 4},
                   {.link_index = 3, .link = "veth3", .gateway = v6(3), .weight = 10, .flags = 0}}};
}

RoutingRule rule() {
  return {.family = Family::kIpv4,
          .priority = 100,
          .table = 100,
          .action = 1,
          .source = Prefix{IpAddress::v4(10, 0, 0, 0), 8},
          .destination = Prefix{IpAddress::v4(10, 1, 0, 0), 16},
          .input_link = "veth1",
          .output_link = "eth0",
          .mark = 1,
          .mark_mask = 0xFF,
          .protocol = 3,
          .other = {{"dport", "22-22"}, {"not", ""}}};
}

Neighbour neighbour() {
  return {.link_index = 2, .link = "veth1", .address = kContainer, .mac = kPeerMac, .state = 0x80, .flags = 0x10};
}

Snapshot snapshot() {
  NamespaceState inside{
      .name = "netns1",
      .inode = 4026532000,
      .links = {link()},
      .addresses = {interface_address()},
      .routes = {route()},
      .rules = {rule()},
      .neighbours = {neighbour()},
      .forwarding = {{.link_index = 2,
                      .link = "veth1",
                      .bridge = "br0",
                      .mac = kPeerMac,
                      .vlan = 1,
                      .state = 0x40,
                      .flags = 0x10,
                      .destination = kNode,
                      .otherwise = "port 4790"}},
      .qdiscs = {{.link = "veth2", .kind = "tbf", .handle = 0x10000, .parent = 0xFFFFFFFF}},
      .nft_tables = {{.name = "ip nat",
                      .is_dormant = true,
                      .holds = "1 chain, 1 rule",
                      .rules = 1,
                      .is_idle = false,
                      .contents = "7f3a",
                      .statements = {"dnat"},
                      .translations =
                          {{.protocol = 6, .first_port = 8080, .last_port = 8080, .address = "10.200.1.1", .port = 80}},
                      .conditions = {"limit"},
                      .parted = {"snat for some protocols or ports"},
                      .where = {{"dnat", "rule 1 of PREROUTING"}},
                      .chains = {{.hook = "prerouting",
                                  .priority = -100,
                                  .steps = {{.asks = {{.negated = true,
                                                       .any = {{{.of = "network",
                                                                 .offset = 16,
                                                                 .mask = "ffffff00",
                                                                 .first = "0ac80100",
                                                                 .last = "0ac80100"}}}}},
                                             .does = "unless",
                                             .skip = 1,
                                             .mask = "ffffffff",
                                             .value = "00000001"}}}}}},
      .sockets = {{.protocol = "tcp", .address = v6(1), .port = 80}},
      .further = {{.kind = "next hop", .name = "id 5", .details = "blackhole proto 3"}},
      .sysctls = {{"net.ipv4.ip_forward", "0"}},
      .filter_hooks = {{.table = "ip filter", .chain = "in", .hook = "input", .rules = 2, .drops = true}},
      .counters = {{"Ip.InReceives", 7}},
      .netnsids = {{-1, 4026531840}, {0, 4026532001}},
      .new_links = {link()}};
  NamespaceState own = inside;
  own.name = "";
  return {.namespaces = {own, inside},
          .entries = {{.name = "netns1", .is_nsfs_mount = true, .is_network = true, .inode = 4026532000, .mounts = 1}},
          .processes = {{.pid = 42, .command = "sleep 1000", .network_namespace_inode = 4026532000}},
          .processes_hidden = true,
          .files = {"/etc/netns/netns1/resolv.conf"},
          .mounts = {"tmpfs is mounted on /mnt (rw,relatime)"},
          .host_name = "node-1",
          .domain_name = "(none)",
          .pristine = inside};
}

std::vector<Change> changes() {
  return {
      CreateNamespace{"netns1"},
      DeleteNamespace{"netns1"},
      CreateVeth{.network_namespace = "",
                 .name = "veth1",
                 .peer_namespace = "netns1",
                 .peer_name = "veth2",
                 .mtu = 1400,
                 .mac = kMac,
                 .peer_mac = kPeerMac,
                 .master = "br0",
                 .group = 4,
                 .up = true},
      CreateLink{.network_namespace = "netns1", .name = "br0", .kind = "bridge"},
      CreateVxlan{.network_namespace = "",
                  .name = "vxlan0",
                  .vni = 42,
                  .port = 4789,
                  .local = kNode,
                  .remote = kContainer,
                  .link = "eth0",
                  .learning = false,
                  .mtu = 1450,
                  .mac = kMac},
      CreateTunRelay{
          .network_namespace = "", .name = "tun0", .mtu = 1472, .local = kNode, .remote = kContainer, .port = 9001},
      DeleteLink{.network_namespace = "", .name = "veth1"},
      SetLink{.network_namespace = "netns1",
              .name = "veth2",
              .up = false,
              .mtu = 1500,
              .mac = kMac,
              .master = "br0",
              .new_name = "eth0",
              .move_to = "netns2",
              .arp = false,
              .hairpin = true},
      AddAddress{.network_namespace = "netns1",
                 .link = "veth2",
                 .prefix = Prefix::host(kContainer),
                 .scope = Scope::kHost,
                 .no_duplicate_detection = false,
                 .valid_lifetime = 60,
                 .preferred_lifetime = 30},
      DeleteAddress{.network_namespace = "netns1", .link = "veth2", .prefix = Prefix::host(kContainer)},
      AddRoute{.network_namespace = "netns1", .route = route()},
      DeleteRoute{.network_namespace = "", .route = route()},
      AddRule{.network_namespace = "netns1", .rule = rule()},
      DeleteRule{.network_namespace = "netns1", .rule = rule()},
      AddNeighbour{.network_namespace = "netns1", .link = "veth2", .address = kNode, .mac = kMac},
      DeleteNeighbour{.network_namespace = "netns1", .link = "veth2", .address = kNode},
      AddForwarding{.network_namespace = "netns1", .link = "vxlan0", .mac = kMac, .destination = kNode},
      SetSysctl{.network_namespace = "netns1", .key = "net.ipv4.ip_forward", .value = "1"},
      CreateNftTable{.network_namespace = "",
                     .family = "ip",
                     .name = "nat",
                     .chains = {{.name = "prerouting",
                                 .type = "nat",
                                 .hook = "prerouting",
                                 .priority = -100,
                                 .drops = true,
                                 .rules = {{.matches = {{"tcp dport", "8080"}, {"iifname", "br0", true}},
                                            .action = {"dnat", kContainer, std::uint16_t{80}}}}}}},
      DeleteNftTable{.network_namespace = "netns1", .family = "inet", .name = "nat"},
  };
}

EchoReport echo_report() {
  EchoReport report;
  report.spec = {.network_namespace = "",
                 .destination = kContainer,
                 .source = kNode,
                 .link = "veth1",
                 .count = 2,
                 .interval = std::chrono::microseconds(500),
                 .window = 8,
                 .payload_size = 56,
                 .dont_fragment = true,
                 .ttl = 3,
                 .reply_wait = std::chrono::milliseconds(200),
                 .watch = {"netns1"},
                 .may_be_translated = true};
  report.identifier = 4711;
  report.payload_seed = 18'446'744'073'709'551'615U;
  report.source = kNode;
  const IcmpProblem problem{.from = IpAddress::v4(10, 0, 0, 1),
                            .type = 3,
                            .code = 1,
                            .mtu = 0,
                            .about_destination = kContainer,
                            .local = false};
  report.echoes = {{.sequence = 1,
                    .send_errno = 0,
                    .reply = EchoReply{.source = kContainer,
                                       .arrival_link = "veth1",
                                       .ttl = 64,
                                       .round_trip = std::chrono::nanoseconds(23'400),
                                       .payload_intact = true,
                                       .payload_size = 56},
                    .duplicates = 1,
                    .late = false,
                    .slow = true,
                    .problems = {}},
                   {.sequence = 2,
                    .send_errno = 90,
                    .reply = {},
                    .duplicates = 0,
                    .late = false,
                    .slow = false,
                    .problems = {problem}}};
  report.sightings = {sighting()};
  report.foreign_replies = 1;
  report.capture_drops = 2;
  report.open_errno = 99;
  report.open_text = "bind 192.168.50.10";
  report.starved = std::chrono::milliseconds(3);
  return report;
}

ExchangeReport exchange_report() {
  ExchangeReport report;
  report.spec = {.network_namespace = "netns1",
                 .transport = Transport::kTcp,
                 .destination = kNode,
                 .port = 7,
                 .source = kContainer,
                 .payload_size = 4096,
                 .count = 3,
                 .reply_wait = std::chrono::milliseconds(50),
                 .watch = {"netns1", ""},
                 .source_port = 33000,
                 .may_be_translated = true};
  report.system_errno = 111;
  report.sent = 4096;
  report.answered = 4095;
  report.payload_seed = 23;
  report.unserved_in = "netns2";
  report.payload_intact = true;
  report.source = kContainer;
  report.source_port = 33000;
  report.sightings = {sighting()};
  report.capture_drops = 1;
  report.starved = std::chrono::milliseconds(4);
  return report;
}

Requirement requirement() {
  return {.id = "single-namespace.host-route",
          .level = Level::kMust,
          .source = "tutorial part 1, step 9",
          .text = "The node has the route 10.200.1.1/32 dev veth1.",
          .rests_on = {"single-namespace.host-link"},
          .why = "Without it the node sends packets for the container to its default gateway."};
}

std::vector<RunEvent> run() {
  return {
      RunStarted{
          .build = "0.1.0-abc", .command = {"netns-lab", "test", "single-namespace"}, .time_ms = 1'700'000'000'000},
      WorkerStarted{.worker = 0,
                    .scenario = "single-namespace",
                    .target = "native",
                    .family = "IPv4",
                    .parameters = {{"CON", "netns1"}, {"IP", "10.200.1.1"}},
                    .lab = "sandbox",
                    .lab_name = "netns-lab",
                    .kernel = "6.18.0",
                    .catalogue = {requirement()},
                    .kernel_label = "",
                    .order = 42},
      CaseStarted{.worker = 0,
                  .suite = "SingleNamespace",
                  .name = "HostRouteExists",
                  .file = "suites/single-namespace/routes_test.cc",
                  .line = 20,
                  .time_ms = 1'700'000'000'010},
      CaseEnded{.worker = 0,
                .suite = "SingleNamespace",
                .name = "HostRouteExists",
                .requirements = {"single-namespace.host-route"},
                .level = Level::kMust,
                .verdict = Verdict::kFail,
                .message = "expected: a route 10.200.1.1/32 dev veth1\nseen: no route to 10.200.1.1",
                .evidence = "the node's own namespace\n  route default via 192.168.50.1 dev eth0",
                .file = "suites/single-namespace/routes_test.cc",
                .line = 24,
                .duration = std::chrono::microseconds(120),
                .attachments = {"captures/host-route.pcap"}},
      WorkerEnded{.worker = 0, .status = ExitStatus::kNotConformant, .message = ""},
      RunEnded{.status = ExitStatus::kNotConformant, .duration = std::chrono::microseconds(40'000), .message = ""},
  };
}

}  // namespace netns_lab::samples
