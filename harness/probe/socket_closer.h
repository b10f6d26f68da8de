// Closes sockets whose closing takes long, beside the caller: a packet socket waits for an RCU grace period (8-16 ms;
// net/packet/af_packet.c, packet_release calls synchronize_net). Grace periods are shared, so several threads close
// many sockets in the time of one.
#pragma once

#include <memory>

#include "harness/base/deadline.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::probe {

// Threading: every member may be called from any thread.
class SocketCloser {
 public:
  SocketCloser();
  SocketCloser(const SocketCloser&) = delete;
  SocketCloser& operator=(const SocketCloser&) = delete;
  ~SocketCloser();  // waits until all are closed

  void close(UniqueFd socket);   // returns at once
  bool wait(Deadline deadline);  // until all are closed; false when the deadline passed first

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace netns_lab::probe
