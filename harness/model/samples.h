// One filled-in value of each sort, for tests and benchmarks of whatever carries or prints the model.
#pragma once

#include <vector>

#include "harness/model/echo.h"
#include "harness/model/exchange.h"
#include "harness/model/run_record.h"
#include "harness/model/snapshot.h"

namespace netns_lab::samples {

Link link();
InterfaceAddress interface_address();
Route route();
RoutingRule rule();
Neighbour neighbour();
Snapshot snapshot();            // no member is empty, no optional is unset
std::vector<Change> changes();  // one of each alternative, in order
EchoReport echo_report();
ExchangeReport exchange_report();
Requirement requirement();
std::vector<RunEvent> run();  // one of each event, in order; a well-formed run whose one case failed

}  // namespace netns_lab::samples
