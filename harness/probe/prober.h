// Sends echoes and exchanges, and reports everything that was seen of them.
//
//   Prober prober(factory);
//   NETNS_LAB_ASSIGN(const auto reports, prober.echo(specs, Cancel{stop.get()}));
//
// Threading: one thread at a time. Several probers may run at once; a process needs one per session.
// Captures: the first probe that watches a namespace opens a packet socket there and keeps it (closing one costs 8-16
// ms). An open socket keeps its namespace alive: `ip netns del` then removes the name only, and the veth ends stay. So
// whoever is about to delete a namespace, or to let somebody else (a target's tear-down, a script) do it, calls
// `release` or `release_named` first. Captures in the node's own namespace stay. A name that has come to mean another
// namespace is noticed: identity is compared before each use.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/model/echo.h"
#include "harness/model/exchange.h"
#include "harness/probe/socket_factory.h"

namespace netns_lab::probe {

class Prober {
 public:
  explicit Prober(SocketFactory factory);
  Prober(Prober&&) noexcept;
  Prober& operator=(Prober&&) noexcept;
  ~Prober();  // hands its captures to the closing threads and waits for them (8-16 ms if there are any)

  // Runs all specs at once and returns one report per spec, in order, as soon as everything is known: every request
  // answered, refused or the subject of an ICMP error; else `reply_wait` after the last request. Then all watched
  // namespaces are drained, so that sightings are complete. What lies in the subject (no such namespace, link or
  // address, a refused send) is in the report. Errors: kInvalid (a spec out of range), kCancelled, kSystem (no sockets,
  // no privilege).
  Result<std::vector<EchoReport>> echo(std::span<const EchoSpec> specs, Cancel cancel = {});

  // One UDP or TCP exchange with an echo server. Errors as above; refusals by the kernel or the peer are in the report.
  Result<ExchangeReport> exchange(const ExchangeSpec& spec, Cancel cancel = {});

  // Gives up the capture of a namespace ("" is not given up), of all but the node's own, or of all. Returns at once:
  // the sockets are closed by threads of their own. The kernel can take the namespace down only after that;
  // `wait_released` waits for it and says whether it came to pass in time.
  void release(const std::string& network_namespace);
  void release_named();
  void release_all();
  bool wait_released(Deadline deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace netns_lab::probe
