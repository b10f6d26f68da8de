// One UDP or TCP exchange: the client's side, with the captures around it.
#pragma once

#include "harness/base/error.h"
#include "harness/model/exchange.h"
#include "harness/probe/echo_run.h"

namespace netns_lab::probe {

Result<ExchangeReport> run_exchange(ProbeTools& tools, const ExchangeSpec& spec, Cancel cancel);

}  // namespace netns_lab::probe
