// The socket work of an exchange: datagrams or a stream go out and are compared byte for byte with what comes back.
#pragma once

#include <functional>

#include "harness/base/error.h"
#include "harness/model/exchange.h"
#include "harness/probe/payload.h"
#include "harness/probe/receive_batch.h"
#include "harness/probe/socket_factory.h"

namespace netns_lab::probe {

// Called whenever the client is about to wait or has made some way: empties the captures.
using Drain = std::function<Result<void>()>;

// `socket` is not blocking and connected (UDP) or to be connected (TCP). They fill in system_errno, sent, answered,
// payload_intact of `report`, whose spec says what to do, and return it. Datagram i (from 0) carries payload i of the
// pattern, a stream payload 0. `in_flight`: the most bytes on the way at a time (more than one datagram only within
// it). Errors: kCancelled, kSystem.
Result<ExchangeReport> exchange_datagrams(int socket, ExchangeReport report, const PayloadPattern& payload,
                                          std::size_t in_flight, ReceiveBatch& batch, const Drain& drain,
                                          Cancel cancel);
Result<ExchangeReport> exchange_stream(int socket, ExchangeReport report, const PayloadPattern& payload,
                                       std::size_t in_flight, const Drain& drain, Cancel cancel);

}  // namespace netns_lab::probe
