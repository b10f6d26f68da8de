// The objects of one namespace, compared. Internal to this folder.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/model/diff.h"

namespace netns_lab {

// What a link is the peer of, in words: "veth2 in netns1". Indexes change from one build to the next, names do not.
using PeerName = std::function<std::string(const Link&)>;

std::vector<Finding> diff_contents(const NamespaceState& before, const NamespaceState& after,
                                   const DiffOptions& options, const PeerName& peer_before, const PeerName& peer_after);

}  // namespace netns_lab
