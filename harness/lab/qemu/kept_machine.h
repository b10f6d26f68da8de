// A machine that one process keeps, with one stream into it that carries many channels: what the relay needs of it.
#pragma once

#include "harness/base/error.h"
#include "harness/protocol/channels.h"

namespace netns_lab::qemu {

class KeptMachine {
 public:
  virtual ~KeptMachine() = default;
  virtual protocol::ChannelTrunk& trunk() = 0;
  virtual int ready_fd() const = 0;  // POLLIN: ask has_ended()
  virtual bool has_ended() = 0;
  virtual Error why_ended() const = 0;  // only after has_ended()

 protected:
  KeptMachine() = default;
  KeptMachine(KeptMachine&&) = default;
  KeptMachine& operator=(KeptMachine&&) = default;
};

}  // namespace netns_lab::qemu
