// The labs inside a virtual machine: ordinary sandboxes, one for each private lab and one that stands, made when they
// are first asked for by the label of a channel:
//
//   node KEY, outside KEY               a lab of its own for whoever chose the key; it ends with its node's channel
//   nodes 2 KEY, further 2 KEY          the same with two nodes: the first, and the second
//   part 2 3 100 KEY                    the second of three nodes, each in a machine of its own; their segment is
//                                       VLAN 100 on the wires between the machines (harness/node/wires.h)
//   standing node, standing outside     sessions to the lab that `up` made; the machine ends with it
//   standing part 2 3                   a session to the second of its three nodes, each in a machine of its own
//   standing outside of 3               the same, to their outside, which is in the first machine
#pragma once

#include <poll.h>

#include <functional>
#include <list>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/node/agent.h"
#include "harness/node/sandbox.h"

namespace netns_lab::node {

class GuestLabs {
 public:
  // `lost`: what this machine cannot give, for every node's hello; `provider`: whose machine it is.
  // `kept`: where the machine's state disk is mounted, which the standing lab's node alone may write to; "" none.
  explicit GuestLabs(std::vector<std::string> lost, std::string provider = "qemu", std::string kept = "")
      : lost_(std::move(lost)), provider_(std::move(provider)), kept_(std::move(kept)) {}

  // The stream of a channel; kInvalid for a label that means nothing, or the outside of a lab that is not there.
  Result<UniqueFd> open(const std::string& label);

  void watch(std::vector<pollfd>& waits) const;  // appends the logs of the labs
  void work();                                   // passes on what they had to say, forgets those that have ended
  bool standing_ended() const { return standing_ended_; }

 private:
  struct Lab {
    std::string key;                  // "" the one that stands
    UniqueFd log;                     // ends with the last of the lab's processes
    UniqueFd outside;                 // private: until somebody asks for it
    std::vector<UniqueFd> further{};  // likewise: node-2 …
  };
  // Of a lab with a machine for each node: the one that is here.
  struct Part {
    int number = 1;
    int of = 1;
    int vlan = 0;
  };
  Result<UniqueFd> open_private(const std::string& key, int nodes, const Part& part);
  // The stream of the lab of that key that `of` gives, once.
  UniqueFd hand_out(const std::string& key, const std::function<UniqueFd*(Lab&)>& of);
  Result<void> start_standing(const Part& part);
  Result<UniqueFd> start(const AgentFunction& serve, SandboxListeners sockets, const Part& part,
                         const std::string& kept = "") const;
  bool read_log(Lab& lab) const;

  std::vector<std::string> lost_;
  std::string provider_;
  std::string kept_;
  std::list<Lab> labs_;
  std::string standing_node_;  // abstract socket addresses
  std::string standing_outside_;
  bool standing_ended_ = false;
};

}  // namespace netns_lab::node
