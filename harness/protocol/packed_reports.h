// What probes saw as bytes behind its frame (model/packed.h): a packet's sighting is some 350 bytes of JSON, and a run
// of single-namespace has hundreds.
//
//   the echoes' reports, a list; the exchanges' reports, a list
#pragma once

#include <string>
#include <string_view>

#include "harness/base/error.h"
#include "harness/protocol/messages.h"

namespace netns_lab::protocol {

// Moves ProbeReply::echoes and ProbeReply::exchanges out of `reply`.
std::string take_reports(ProbeReply& reply);

// Puts them there. kInternal when the bytes are none of take_reports().
Result<void> put_reports(std::string_view bytes, ProbeReply& reply);

}  // namespace netns_lab::protocol
