// Tables of nftables, made by the program nft: libnftables' JSON (libnftables-json(5)) on its standard input, which the
// kernel takes whole or not at all.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/model/change.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {

// In that namespace. EEXIST when there is a table of that name; kMissing, with the package, without nft; kInvalid for
// a rule that nft_json() cannot say; kSystem with nft's words when it, or the kernel, refuses (EINVAL).
Result<void> create_nft_table(const NetworkNamespace& network_namespace, const CreateNftTable& table);

// What nft is told. kInvalid names what of a rule it has no words for.
Result<std::string> nft_json(const CreateNftTable& table);

}  // namespace netns_lab::node
