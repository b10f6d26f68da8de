// A lab: the nodes a scenario is built on, made by a provider, and the `outside` node where it has one.
//
// How an agent is started is passed in (LabServices), so that this folder needs no privilege, no netlink and no
// namespaces.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/lab/node.h"
#include "harness/model/scenario.h"

namespace netns_lab {

enum class Provider { kSandbox, kHost, kMultipass, kQemu };
std::string to_string(Provider provider);
std::vector<std::string> known_providers();
Result<Provider> parse_provider(const std::string& text);  // kInvalid names the known ones
// Whether its labs are sandboxes in a virtual machine, and so on another kernel.
bool is_virtual_machine(Provider provider);

// How large, and of what, the machine is that is made for a lab; "" and 0 the provider's own choice
// (harness/lab/multipass/commands.h, harness/lab/qemu/command_line.h).
struct InstanceChoice {
  std::string memory{};      // multipass, qemu: "1G", "512M"
  int processors = 0;        // multipass, qemu
  std::string image{};       // multipass
  std::string cloud_init{};  // a file
  std::string disk{};        // multipass; qemu: of a new state disk
  std::string state_disk{};  // qemu, a lab that stands: a file
  bool operator==(const InstanceChoice&) const = default;
};

struct LabSpec {
  Provider provider = Provider::kSandbox;
  std::string name;            // a named lab outlives the command; "" is private to this process
  bool privileged = false;     // sandbox: no user namespace of its own
  std::string kernel{};        // qemu: the image a machine is booted with; "" the newest there is
  std::string kernel_label{};  // qemu: what a run on several kernels calls that one; "" there is one
  std::string node_kernel{};   // qemu: the release that its nodes run, where it is known
  // qemu: the named lab in whose virtual machine a private lab is made; "": in the machine of this run
  std::string machine{};
  InstanceChoice instance{};
  // a private sandbox: whether commands will be run on its node, or files put there
  bool commands = true;
  int nodes = 1;  // node-1, node-2 … (sandbox; qemu and multipass, each in a machine of its own)
  // What joins them. None: of a lab that is up, whatever it has; else one segment.
  std::optional<Underlay> underlay{};
  // qemu, multipass, several nodes: which of the segments between the machines. No two labs there at once may have the
  // same.
  int segment = 0;
};

// LabSpec::segment: so many a worker may have, its own and those of its fresh nodes.
inline constexpr int kMostFreshLabs = 100;

// Streams to the agents of one lab. Closing them ends a private lab.
struct AgentStreams {
  UniqueFd node;
  UniqueFd outside{};                  // empty when the provider has no outside node
  std::vector<UniqueFd> more_nodes{};  // node-2, node-3 …
};

// How agents come to be. The command line passes one that forks; tests pass fakes.
struct LabServices {
  std::function<Result<AgentStreams>(const LabSpec&)> start_private;  // sessions to a fresh lab that dies with them
  // A daemon that listens at node.sock (and node-2.sock …, and outside.sock, where there is an outside node) in the
  // lab's folder, which is locked and empty, when this returns.
  std::function<Result<void>(const LabSpec&, const std::string& folder)> start_named;
  // Undoes what a dead lab of this name may have left on the machine; empty where nothing outlives its processes.
  std::function<Result<void>(const LabSpec&)> recover;
  // For `destroy`, when the lab's processes have ended: removes what the provider made that outlives them (kMadeFile).
  std::function<Result<void>(const LabSpec&, const std::string& folder)> leave{};
};

// What a node is compared by: all of it, sysctls too.
SnapshotOptions whole_node();

class Lab {
 public:
  // A private lab, or sessions to the named one, which must be up (kMissing with the command that makes it) and have as
  // many nodes as the spec at least (kTaken). Sessions are opened to as many as the spec has.
  static Result<Lab> open(const LabSpec& spec, const LabServices& services, Deadline deadline);

  const LabSpec& spec() const { return spec_; }
  // Other commands may have been here before, and the node is nobody's but the lab's: it must be as it was when the lab
  // was made, or a network would be judged against what an earlier one left behind.
  bool is_standing_and_private() const { return !spec_.name.empty() && spec_.provider != Provider::kHost; }
  Node& node() { return nodes_.front(); }
  Node& node(std::size_t index) { return nodes_.at(index); }  // 0: the first
  std::vector<Node>& nodes() { return nodes_; }
  bool has_outside() const { return outside_stream_.valid() || outside_.has_value(); }
  // Its session opens when it is first asked for. kMissing when the lab has none.
  Result<Node*> outside(Deadline deadline);

 private:
  LabSpec spec_;
  std::vector<Node> nodes_;
  UniqueFd outside_stream_;  // until outside_ is there
  std::optional<Node> outside_;
};

// kMissing where the lab has one node and the spec more: on the host.
Result<void> check_nodes(const LabSpec& spec);

// `up`: made or reused.
struct UpReport {
  bool reused = false;
  std::string
      replaced;  // why a lab that was there had to make way ("its agent is of another build"); "" when none had to
  protocol::HelloReply hello;
};
Result<UpReport> bring_up(const LabSpec& spec, const LabServices& services, Deadline deadline);
Result<void> destroy(const LabSpec& spec, const LabServices& services,
                     Deadline deadline);  // kMissing when there is none
struct NamedLab {
  std::string name;
  Provider provider = Provider::kSandbox;
  std::string state;  // "up", or why it does not answer
  bool up = false;
  int pid = 0;
  int nodes = 1;
};
Result<std::vector<NamedLab>> named_labs();
// How many nodes it was made with; 1 when there is no such lab.
int nodes_of_named(const std::string& name);
// What joins them; one segment when there is no such lab.
Underlay underlay_of_named(const std::string& name);
// Of the lab of that name, up or not; none when there is no such lab.
std::optional<Provider> provider_of_named(const std::string& name);

}  // namespace netns_lab
