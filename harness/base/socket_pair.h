// Two sockets joined to each other.
#pragma once

#include <string>
#include <utility>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab {

// Of `type` SOCK_STREAM, or SOCK_SEQPACKET where records stay whole; closed on execution (unix(7)). Errors: of
// socketpair(2), `attempted` being what could not be done without them.
Result<std::pair<UniqueFd, UniqueFd>> socket_pair(int type, std::string attempted);

}  // namespace netns_lab
