// The captures of a prober, one per namespace, kept from probe to probe.
#pragma once

#include <map>
#include <string>

#include "harness/base/error.h"
#include "harness/probe/capture.h"
#include "harness/probe/socket_closer.h"

namespace netns_lab::probe {

class CapturePool {
 public:
  explicit CapturePool(SocketFactory factory);
  ~CapturePool();  // waits until all are closed
  CapturePool(const CapturePool&) = delete;
  CapturePool& operator=(const CapturePool&) = delete;

  // The capture of the namespace that has this name now; valid until `release`. Errors: as Capture::open.
  Result<Capture*> get(const std::string& network_namespace);
  void release(const std::string& network_namespace);
  void release_all();
  void release_named();  // all but that of the node's own namespace, ""
  bool wait_released(Deadline deadline) { return closer_.wait(deadline); }

 private:
  SocketFactory factory_;
  SocketCloser closer_;
  std::map<std::string, Capture> captures_;
};

}  // namespace netns_lab::probe
