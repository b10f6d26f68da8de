// For whom a declared table translates, beside those that packets were sent to and from: an address that a rule names
// may be one that nobody tried. The rules are tried (rule_trial) with addresses at the ends of all they ask for, with
// those next to them, and with some that no rule names.
//
// What is judged: whatever the table is declared to translate for one address of the outside it translates for all; and
// by a rule that names an address it translates for none that the declaration does not translate for.
#pragma once

#include <string>
#include <vector>

#include "harness/conformance/declaration.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

// Of the tables of that name which `is`, the namespace as it is now, has: "an exception: what … sends to … keeps its
// source". What cannot be told (rules that ask for something unknown, no default route) is no finding; that there are
// more rules than are told is one.
std::vector<std::string> scope_findings(const Declaration& declared, const DeclaredTable& table,
                                        const NamespaceState& is);

// Does that table give what the containers send to the outside another source, of whatever protocol and port it is, so
// that it does not matter how its rules part it (PacketFilter::parted)?
bool gives_every_protocol_a_source(const Declaration& declared, const DeclaredTable& table, const NamespaceState& is,
                                   const PacketFilter& filter);

// Of all declared tables of a namespace, each named. `was`: what it is compared with; of a table that was there before
// not all rules are the target's, and none is tried: that it was changed is a finding of its own (closed_world.h).
std::vector<std::string> scope_findings(const Declaration& declared, const NamespaceState& was,
                                        const NamespaceState& is);

}  // namespace netns_lab
