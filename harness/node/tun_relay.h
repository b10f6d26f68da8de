// Relays between a TUN link and another node: what the kernel sends by the link goes there as UDP, one datagram a
// packet and nothing before it, as `socat UDP:…,bind=… TUN:…,iff-no-pi` has it; what comes from there is taken in by
// the link.
//
//   NETNS_LAB_TRY(relays.start(own, {.name = "tun0", .mtu = 1472, .local = …, .remote = …, .port = 9000}));
//   …                        // the link goes when it is deleted, or with the relays
//   relays.end("tun0");      // its socket is closed when this returns
//
// A relay is a thread with two descriptors; it ends by itself when its link is deleted. Threading: any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "harness/base/error.h"
#include "harness/model/change.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {

class TunRelays {
 public:
  TunRelays();
  TunRelays(const TunRelays&) = delete;
  TunRelays& operator=(const TunRelays&) = delete;
  ~TunRelays();  // ends all

  // The link is there when this returns, down and with the kernel's MTU (change.mtu is the caller's to set). EBUSY for
  // a link's name that is taken, EADDRINUSE for a port; kMissing where there is no /dev/net/tun.
  Result<void> start(const NetworkNamespace& network_namespace, const CreateTunRelay& change);
  // Ends the relay of that link, if there is one; the link goes with it.
  void end(const std::string& link);

 private:
  class Relay;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Relay>> relays_;
};

}  // namespace netns_lab::node
