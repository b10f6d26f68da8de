// What namespaces hold, what probes saw, and the events of a run, as bytes: for the streams between our own processes.
// There JSON of a thousand containers takes a third of the time that a snapshot does, and JSON of an echo or of a case
// longer than the echo or the case.
//
// Fields in the order of their NETNS_LAB_JSON_PACKED lines (json_*.cc), without names or padding; numbers in the
// machine's own byte order; text, lists and maps after a 32-bit count. It has no version: both ends are one build,
// which their greeting makes sure of. As in JSON, text that is not UTF-8 has its broken bytes made visible.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/echo.h"
#include "harness/model/exchange.h"
#include "harness/model/run_record.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

void append_packed(const NamespaceState& state, std::string& bytes);
// Takes one from the front of `bytes`; kInternal, whatever they are, when there is none (`bytes` is then undefined).
Result<NamespaceState> take_packed(std::string_view& bytes);

void append_packed(const std::vector<EchoReport>& reports, std::string& bytes);
void append_packed(const std::vector<ExchangeReport>& reports, std::string& bytes);
Result<std::vector<EchoReport>> take_packed_echoes(std::string_view& bytes);         // as take_packed()
Result<std::vector<ExchangeReport>> take_packed_exchanges(std::string_view& bytes);  // as take_packed()

void append_packed(const RunEvent& event, std::string& bytes);
Result<RunEvent> take_packed_event(std::string_view& bytes);  // as take_packed()

}  // namespace netns_lab
