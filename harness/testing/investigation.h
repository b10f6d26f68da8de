// Gathers what diagnosis needs (conformance/diagnosis.h) from the nodes of a lab: sends the packets once more, looks
// for them in every namespace, and asks every kernel on their way.
//
//   NETNS_LAB_ASSIGN(const WalkEvidence evidence, investigate(nodes, {.from = 0, .echo = spec}));
//   const Diagnosis diagnosis = diagnose(evidence);
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/conformance/diagnosis.h"
#include "harness/lab/node.h"
#include "harness/testing/across.h"

namespace netns_lab {

struct Enquiry {
  std::size_t from{};          // of the nodes
  std::size_t to{};            // where the server of a talk is
  EchoSpec echo{};             // what is sent; its `watch` and `reply_wait` are not used
  std::optional<Talk> talk{};  // instead of echoes
  std::optional<Way> wanted{};
  // What was seen the first time: where it is answered when it is sent again, this is judged instead.
  std::optional<PacketTrace> first{};
};

struct Findings {
  WalkEvidence evidence;
  bool is_of_first_time = false;  // sent again, it was answered
};

// Of one node alone places are named as its own reports do; of several, with the node (place_on). Errors: those of
// Node.
Result<Findings> investigate(const std::vector<Node*>& nodes, const Enquiry& enquiry);

// The sentence, and that it comes and goes where it does; "" when nothing is wrong.
std::string why_text(const Findings& findings);

}  // namespace netns_lab
