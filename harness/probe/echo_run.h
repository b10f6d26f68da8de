// All echoes of one call: their sockets, their flows, the captures; sends, receives and waits until everything is
// known.
//
// What makes a report complete: captures are opened before the first request is sent. A packet socket is served before
// the protocols are (net/core/dev.c, __netif_receive_skb_core), so when a reply can be read from the raw socket, every
// packet that led to it is in the queues of the captures already: draining them then gives all of it. Where no reply
// comes, the captures are drained when reply_wait has passed. What the kernel could not queue is counted as
// capture_drops. One thing cannot be known: a further reply that is sent after the last one was answered and drained.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/echo.h"
#include "harness/probe/capture_pool.h"
#include "harness/probe/receive_batch.h"
#include "harness/probe/socket_factory.h"

namespace netns_lab::probe {

// What a prober keeps from probe to probe.
struct ProbeTools {
  SocketFactory factory;
  CapturePool captures;
  ReceiveBatch batch;
  UniqueFd stamp_keeper;  // keeps the kernel stamping what arrives: switching that on and off costs milliseconds
  explicit ProbeTools(SocketFactory from);
};

Result<std::vector<EchoReport>> run_echoes(ProbeTools& tools, std::span<const EchoSpec> specs, Cancel cancel);

// What kind of failure to open sockets lies in the subject: no such namespace, link or source address.
bool lies_in_the_subject(const Error& error);

}  // namespace netns_lab::probe
