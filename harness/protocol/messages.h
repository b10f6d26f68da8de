// The operations of a node: each one struct for what is asked and one for the answer. docs/protocol.md draws the
// frames. A request travels as {"id":…, "op":Request::kOperation, "timeout_ms":…, "args":{…}} with raw bytes behind;
// its answer carries the same id and either "result" or "error". The node answers, it never pushes: captures, commands
// and servers are handles that are pulled.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/change.h"
#include "harness/model/echo.h"
#include "harness/model/exchange.h"
#include "harness/model/filter_verdict.h"
#include "harness/model/mesh.h"
#include "harness/model/packet_drop.h"
#include "harness/model/route.h"
#include "harness/model/snapshot.h"

namespace netns_lab::protocol {

using Handle = std::uint64_t;  // of a session; 0 is none

struct Empty {
  bool operator==(const Empty&) const = default;
};

// First message of a session.
struct HelloReply {
  std::string build;     // of the agent's binary; the tester refuses another one
  std::string provider;  // "sandbox", "host", …
  std::string node;      // its name: "node-1", "outside"
  std::string host_name;
  std::string kernel;                        // release
  std::string uplink;                        // name of the uplink interface; "" when there is none
  std::vector<Prefix> uplink_addresses;      // IPv4 first
  std::vector<IpAddress> outside_addresses;  // of the `outside` node's end of the uplink
  // What this node cannot give, in words ("/proc shows the processes of the machine"); a line about an option that its
  // kernel lacks ends with "(CONFIG_…)".
  std::vector<std::string> lost;
  std::uint64_t descriptors = 0;  // how many its agent may have open at once (RLIMIT_NOFILE, getrlimit(2))
  bool operator==(const HelloReply&) const = default;
};
struct HelloRequest {
  static constexpr auto kOperation = "hello";
  using Reply = HelloReply;
  std::string build;  // of the tester
  bool operator==(const HelloRequest&) const = default;
};

// Claims names for this session before anything is built. A name in use, on the node or by another session, is kTaken
// and nothing is claimed. What is claimed and still there when the session ends is removed then, unless `keep`.
struct ClaimRequest {
  static constexpr auto kOperation = "claim";
  using Reply = Empty;
  std::vector<std::string> namespaces;
  std::vector<std::string> links;  // in the node's own namespace
  std::vector<Prefix> addresses;   // must not be present, nor routed to, on the node
  bool keep = false;
  std::vector<std::string> nft_tables{};  // in the node's own namespace: "ip nat"
  bool operator==(const ClaimRequest&) const = default;
};

struct ApplyRequest {
  static constexpr auto kOperation = "apply";
  using Reply = Empty;
  std::vector<Change> changes;
  bool operator==(const ApplyRequest&) const = default;
};

// The namespaces follow the answer's frame as bytes (packed_namespaces.h); in its JSON there are none.
struct SnapshotRequest {
  static constexpr auto kOperation = "snapshot";
  using Reply = Snapshot;
  SnapshotOptions options;
  // Answer with what the first such request of all sessions saw, which the agent keeps: what the node was like when its
  // lab was made. `options` count for that first one only.
  bool first = false;
  bool operator==(const SnapshotRequest&) const = default;
};

struct AwaitReply {
  std::int64_t late_ms = 0;  // how long after AwaitRequest::limit_ms it was so
  bool operator==(const AwaitReply&) const = default;
};
// Waits, by the kernel's notifications, until the state is as described; kTimeout with the last thing seen.
struct AwaitRequest {
  static constexpr auto kOperation = "await";
  using Reply = AwaitReply;
  struct LinkState {
    std::string network_namespace;
    std::string link;
    bool present = true;
    bool operational = true;  // with `present`: admin up and operstate UP (UNKNOWN for kinds that never report more:
                              // lo, an empty bridge, vxlan)
    bool link_local = false;  // with `operational`: it also has an IPv6 link-local address
    bool settled = false;     // with `link_local`: which no other interface has (duplicate address detection, RFC 4862)
    bool operator==(const LinkState&) const = default;
  };
  std::vector<LinkState> links;
  std::vector<std::string> absent_namespaces;  // names that must have left /run/netns
  // How long a network may take for it. After that, what the kernel has put off is waited for, as long as the request
  // may take. 0: as long as the request may take, and no more.
  std::int64_t limit_ms = 0;
  bool operator==(const AwaitRequest&) const = default;
};

struct LookupReply {
  std::vector<RouteAnswer> answers;  // one per query, in order
  bool operator==(const LookupReply&) const = default;
};
struct LookupRequest {
  static constexpr auto kOperation = "lookup";
  using Reply = LookupReply;
  std::vector<RouteQuery> queries;
  bool operator==(const LookupRequest&) const = default;
};

// All echoes at once (their own namespaces and targets), or each when the one before is over; then all exchanges in
// order. The reports follow the answer's frame as bytes (packed_reports.h); in its JSON there are none.
struct ProbeReply {
  std::vector<EchoReport> echoes;
  std::vector<ExchangeReport> exchanges;
  bool operator==(const ProbeReply&) const = default;
};
struct ProbeRequest {
  static constexpr auto kOperation = "probe";
  using Reply = ProbeReply;
  std::vector<EchoSpec> echoes;
  std::vector<ExchangeSpec> exchanges;
  // 0: all echoes at once. Else one after the other in so many lanes, but in no more than there are processors
  // (probe/echo_lanes.h).
  std::uint32_t lanes = 0;
  // No more probes for a while: the captures kept open for the next one are closed, while other things go on. (At the
  // end of a session there would be nothing else to do in the 10 ms that the kernel takes.)
  bool last = false;
  bool operator==(const ProbeRequest&) const = default;
};

// Every member asks every other one (model/mesh.h). The node adds permanent neighbour entries for it, but never in the
// place of one that somebody made by hand, and removes them; nobody else may be at the members' neighbours meanwhile.
struct MeshRequest {
  static constexpr auto kOperation = "mesh";
  using Reply = MeshReport;
  MeshSpec spec;
  bool operator==(const MeshRequest&) const = default;
};

struct ServeReply {
  Handle handle = 0;
  std::uint16_t port = 0;
  bool operator==(const ServeReply&) const = default;
};
struct ServeRequest {
  static constexpr auto kOperation = "serve";
  using Reply = ServeReply;
  ServeSpec spec;
  bool operator==(const ServeRequest&) const = default;
};

struct HandleReply {
  Handle handle = 0;
  bool operator==(const HandleReply&) const = default;
};
// Everything that passes the interfaces of a namespace from now on; `read` gives it as a pcap stream (classic pcap,
// nanoseconds, LINKTYPE_ETHERNET).
struct CaptureRequest {
  static constexpr auto kOperation = "capture";
  using Reply = HandleReply;
  std::string network_namespace;
  std::string link;  // "" all
  bool operator==(const CaptureRequest&) const = default;
};

struct WatchReply {
  Handle handle = 0;
  // What the smallest of its queues holds, as the kernel counts it: whoever probes sends less, then asks for sightings.
  std::uint32_t queue_bytes = 0;
  bool operator==(const WatchReply&) const = default;
};
// Looks, from now on, for what another node's probes send through these namespaces: that node cannot see it here. A
// namespace that is not there is passed over.
struct WatchRequest {
  static constexpr auto kOperation = "watch";
  using Reply = WatchReply;
  std::vector<std::string> namespaces;
  std::uint16_t port = 0;  // whose UDP and TCP packets are taken, too (the server's); 0: none
  bool operator==(const WatchRequest&) const = default;
};
// One of those probes, as its report describes it (EchoReport, ExchangeReport).
struct FarProbe {
  std::uint16_t identifier = 0;  // ICMP echo; UDP and TCP: the client's port
  std::uint64_t payload_seed = 0;
  std::uint32_t payload_size = 0;  // bytes
  std::uint32_t count = 0;         // UDP: datagrams
  bool may_be_translated = false;  // as the spec's; of an exchange no other with that server is asked for beside it
  IpAddress destination{};
  bool operator==(const FarProbe&) const = default;
};
struct SightingsReply {
  std::vector<Sighting> sightings;  // in order of time
  std::uint64_t drops = 0;          // packets the kernel could not give
  bool operator==(const SightingsReply&) const = default;
};
// What a watch has seen of these probes since it was opened, or asked before; all else is forgotten.
struct SightingsRequest {
  static constexpr auto kOperation = "sightings";
  using Reply = SightingsReply;
  Handle handle = 0;
  std::vector<FarProbe> probes;
  bool operator==(const SightingsRequest&) const = default;
};

// From now on, what packet filters of these namespaces do to packets from or to one of these addresses, which are of
// one family (harness/netlink/nft_trace.h), and why the kernel drops packets of that length
// (harness/node/drop_trace.h). Where there is no such namespace, or it cannot be traced, nothing is.
struct TraceRequest {
  static constexpr auto kOperation = "trace";
  using Reply = HandleReply;
  std::vector<std::string> namespaces;
  std::vector<IpAddress> addresses;
  std::uint32_t length = 0;  // bytes of an IP packet; 0: any
  bool operator==(const TraceRequest&) const = default;
};
struct VerdictsReply {
  std::vector<FilterVerdict> verdicts;  // each once
  std::vector<std::string>
      incomplete;                 // namespaces of whose filters some steps were lost: others may have taken it, too
  std::vector<PacketDrop> drops;  // of the whole node
  bool operator==(const VerdictsReply&) const = default;
};
// What ended a packet's way since the trace began, or was asked before.
struct VerdictsRequest {
  static constexpr auto kOperation = "verdicts";
  using Reply = VerdictsReply;
  Handle handle = 0;
  bool operator==(const VerdictsRequest&) const = default;
};

struct RunRequest {
  static constexpr auto kOperation = "run";
  using Reply = HandleReply;
  std::vector<std::string> argv;                   // argv[0] is looked up in the node's PATH
  std::map<std::string, std::string> environment;  // added to the node's own
  std::string working_directory;                   // "" : /home/ubuntu
  std::string network_namespace;
  std::string standard_input;    // given at once, then end of file; not with `terminal`
  bool keep_input_open = false;  // more input follows by `write`, until one with `end`
  bool terminal = false;         // a pseudo-terminal; `write` types, `resize` in ReadRequest sets its size
  std::uint16_t rows = 24, columns = 80;
  std::chrono::milliseconds time_limit{0};  // 0: none. Then its process group gets TERM, then KILL
  std::uint64_t output_limit = 1 << 20;     // bytes kept of each of stdout and stderr; the rest is counted and dropped
  std::vector<std::string> daemons{};       // programs that may go on running when it has ended (/proc/PID/comm)
  bool operator==(const RunRequest&) const = default;
};

// How a command ended.
struct CommandEnd {
  enum class How : std::uint8_t { kExited, kSignalled, kTimedOut, kNotStarted };
  How how = How::kExited;
  int code = 0;                   // exit status, signal, or errno of kNotStarted
  std::string reason;             // of kNotStarted
  std::uint64_t dropped = 0;      // bytes of output over the limit
  bool descendants_left = false;  // processes of its group or session were still alive; they were stopped
  std::chrono::microseconds duration{0};
  std::vector<std::string> descendants = {};  // the command lines of such processes, as far as they are known
  bool operator==(const CommandEnd&) const = default;
};
std::string to_string(
    const CommandEnd& end);  // "exited with status 2", "was killed by SIGKILL", "was stopped at its deadline of 10 s"

// Takes what is there, waiting at most `wait` for the first byte. The bytes follow the frame; `error_bytes` of them, at
// the end, are standard error.
struct ReadReply {
  std::uint64_t output_bytes = 0;
  std::uint64_t error_bytes = 0;
  bool end = false;                   // nothing more will come
  std::optional<CommandEnd> command;  // of a command that has ended and whose output is all read
  std::uint64_t drops = 0;            // of a capture: packets the kernel could not give
  bool operator==(const ReadReply&) const = default;
};
struct ReadRequest {
  static constexpr auto kOperation = "read";
  using Reply = ReadReply;
  Handle handle = 0;
  std::uint32_t maximum = 256 * 1024;
  std::chrono::milliseconds wait{0};
  bool operator==(const ReadRequest&) const = default;
};
// The bytes to write follow the frame.
struct WriteRequest {
  static constexpr auto kOperation = "write";
  using Reply = Empty;
  Handle handle = 0;
  bool end = false;                            // no more will come: close the command's standard input
  std::optional<std::uint16_t> rows, columns;  // of a terminal: its new size
  std::optional<int> signal;                   // to the command's process group
  bool operator==(const WriteRequest&) const = default;
};
struct CloseRequest {  // ends what the handle stands for: the command is stopped, the server closed
  static constexpr auto kOperation = "close";
  using Reply = Empty;
  Handle handle = 0;
  bool operator==(const CloseRequest&) const = default;
};

// The file's bytes follow the frame. Parent folders are made. Only below /home, /tmp, /etc, /var, /run, /root (kInvalid
// otherwise). What was put is the tester's: `Snapshot::files` leaves it out.
struct PutRequest {
  static constexpr auto kOperation = "put";
  using Reply = Empty;
  std::string path;
  std::uint32_t mode = 0644;
  bool operator==(const PutRequest&) const = default;
};

// Stops a request that is under way; its own answer is then kCancelled. Unknown ids are no error: it may have just
// ended.
struct CancelRequest {
  static constexpr auto kOperation = "cancel";
  using Reply = Empty;
  std::uint64_t id = 0;
  bool operator==(const CancelRequest&) const = default;
};

// Ends the agent, and with it the lab: `destroy`.
struct ShutdownRequest {
  static constexpr auto kOperation = "shutdown";
  using Reply = Empty;
  bool operator==(const ShutdownRequest&) const = default;
};

}  // namespace netns_lab::protocol
