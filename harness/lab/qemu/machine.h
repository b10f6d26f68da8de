// A virtual machine under QEMU, from its start to its end. It ends with this value, and with the process that holds it.
//
//   MachineSpec spec; spec.kernel = …; spec.archive = …;
//   NETNS_LAB_ASSIGN(Machine machine, Machine::boot(std::move(spec), interrupts));
//   machine.trunk().open("node 1", std::move(socket));      // harness/protocol/channels.h
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/lab/qemu/command_line.h"
#include "harness/lab/qemu/kept_machine.h"
#include "harness/lab/qemu/kernel_image.h"
#include "harness/process/running_command.h"
#include "harness/protocol/channels.h"

namespace netns_lab::qemu {

struct MachineSpec {
  QemuSpec qemu;         // its acceleration is set from `accelerations`
  std::string archive;   // the initramfs
  std::string greeting;  // what the first process must greet with; another is kInternal
  std::vector<Acceleration> accelerations;
  // So long without a word on its console, or up to twice as long, is a machine that hangs; one that goes on talking is
  // slow, as on a busy host, and has until the limit to greet.
  std::chrono::milliseconds kvm_patience{10'000};
  std::chrono::milliseconds tcg_patience{60'000};
  std::chrono::milliseconds limit{180'000};  // of each acceleration
  int console = -1;                          // borrowed: a file that keeps what the machine says on its console
  std::vector<int> wires;                    // borrowed: the sockets of qemu.wires
  int disk = -1;                             // borrowed: a file that is its disk; -1 none
  // Called when an acceleration did not boot and another is tried.
  std::function<void(Acceleration, const Error&)> on_refusal = [](Acceleration, const Error&) {};
};

class Machine : public KeptMachine {
 public:
  // Started, and greeted. kMissing without QEMU. kLost when QEMU ended, kTimeout when the machine hangs or is too slow:
  // the error shows the last lines of its console. kCancelled when one of `interrupts` (descriptors) became readable.
  static Result<Machine> boot(MachineSpec spec, std::span<const int> interrupts);

  protocol::ChannelTrunk& trunk() override { return *trunk_; }
  Acceleration acceleration() const { return acceleration_; }
  int pid() const { return qemu_.pid(); }
  int ready_fd() const override { return qemu_.ready_fd(); }
  bool has_ended() override;
  // How it ended and, where its kernel told, why, with the last lines of its console; only after has_ended().
  Error why_ended() const override;

 private:
  Machine(process::RunningCommand qemu, UniqueFd port, UniqueFd console, Acceleration acceleration);
  static Result<Machine> start(const MachineSpec& spec, Acceleration acceleration, const UniqueFd& archive);
  Error how_it_ended(std::size_t lines) const;  // so many of its console
  Result<void> await_greeting(const MachineSpec& spec, std::span<const int> interrupts);

  process::RunningCommand qemu_;
  std::unique_ptr<protocol::ChannelTrunk> trunk_;
  UniqueFd console_;
  Acceleration acceleration_;
  std::string printed_;  // by QEMU itself
};

// kMissing, with the package to install, when there is no such program.
Result<void> check_program(const QemuSpec& qemu);

}  // namespace netns_lab::qemu
