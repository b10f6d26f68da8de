#include "harness/lab/qemu/machine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "harness/base/socket_pair.h"
#include "harness/lab/qemu/console.h"
#include "harness/process/launch.h"

namespace netns_lab::qemu {
namespace {

constexpr std::size_t kTailBytes = 64 << 10;  // a panic is followed by its stack
constexpr std::size_t kBootLines = 24;        // of a machine that did not come up: nobody knows yet what matters
constexpr auto kInstall = "apt-get install qemu-system-x86";

Result<UniqueFd> file_in_memory(const char* name, std::string_view contents) {
  UniqueFd file(::memfd_create(name, MFD_CLOEXEC));
  while (file.valid() && !contents.empty()) {
    const ssize_t written = ::write(file.get(), contents.data(), contents.size());
    if (written < 0 && errno != EINTR) break;
    if (written > 0) contents.remove_prefix(static_cast<std::size_t>(written));
  }
  if (file.valid() && contents.empty()) return file;
  return tl::unexpected(Error::system(fmt::format("keep {} in memory", name), errno));
}

off_t size_of(const UniqueFd& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 ? status.st_size : 0;
}

std::string what_it_said(const UniqueFd& console, std::size_t lines) {
  const std::string tail = console_tail(end_of_file(console.get(), kTailBytes), lines);
  return tail.empty() ? "; its console said nothing" : "; its console ends: " + tail;
}

}  // namespace

Machine::Machine(process::RunningCommand qemu, UniqueFd port, UniqueFd console, Acceleration acceleration)
    : qemu_(std::move(qemu)),
      trunk_(std::make_unique<protocol::ChannelTrunk>(std::move(port), protocol::ChannelTrunk::Side::kOpens)),
      console_(std::move(console)),
      acceleration_(acceleration) {}

Result<Machine> Machine::start(const MachineSpec& spec, Acceleration acceleration, const UniqueFd& archive) {
  NETNS_LAB_ASSIGN(auto ends, socket_pair(SOCK_STREAM, "create a virtual machine's port"));
  auto& [port, far_end] = ends;
  UniqueFd console(::fcntl(spec.console, F_DUPFD_CLOEXEC, 3));
  if (!console.valid()) {
    NETNS_LAB_ASSIGN(console, file_in_memory("netns-lab-console", ""));
  }
  QemuSpec qemu = spec.qemu;
  qemu.acceleration = acceleration;
  qemu.has_disk = spec.disk >= 0;
  process::Command command = qemu_command(qemu);
  command.descriptors = {far_end.get(), console.get(), archive.get()};
  command.descriptors.insert(command.descriptors.end(), spec.wires.begin(), spec.wires.end());
  if (qemu.has_disk) command.descriptors.push_back(spec.disk);
  NETNS_LAB_ASSIGN(process::RunningCommand running, process::RunningCommand::start(std::move(command)));
  return Machine(std::move(running), std::move(port), std::move(console), acceleration);
}

Result<void> check_program(const QemuSpec& qemu) {
  if (!process::find_program(qemu_command(qemu)).empty()) return {};
  return tl::unexpected(
      Error::missing("start a virtual machine", fmt::format("there is no {} here", qemu.program), kInstall));
}

Result<Machine> Machine::boot(MachineSpec spec, std::span<const int> interrupts) {
  NETNS_LAB_TRY(check_program(spec.qemu));
  NETNS_LAB_ASSIGN(const UniqueFd archive, file_in_memory("netns-lab-initramfs", spec.archive));
  std::string().swap(spec.archive);
  Error last = Error::internal("boot a virtual machine", "no acceleration was given to try");
  for (std::size_t i = 0; i < spec.accelerations.size(); ++i) {
    const Acceleration acceleration = spec.accelerations[i];
    NETNS_LAB_ASSIGN(Machine machine, start(spec, acceleration, archive));
    const auto greeted = machine.await_greeting(spec, interrupts);
    if (greeted) return machine;
    last = greeted.error();
    if (last.kind == ErrorKind::kCancelled) break;
    if (i + 1 < spec.accelerations.size()) spec.on_refusal(acceleration, last);
  }
  return tl::unexpected(std::move(last));
}

Result<void> Machine::await_greeting(const MachineSpec& spec, std::span<const int> interrupts) {
  const std::string attempted =
      fmt::format("boot a virtual machine (kernel {}, {})", spec.qemu.kernel, to_string(acceleration_));
  const auto patience = acceleration_ == Acceleration::kKvm ? spec.kvm_patience : spec.tcg_patience;
  const Deadline last = Deadline::after(spec.limit);
  Deadline deadline = last.sooner_of(Deadline::after(patience));
  off_t said = size_of(console_);
  while (!trunk_->greeting()) {
    std::vector<pollfd> waits = {{.fd = ready_fd(), .events = POLLIN, .revents = 0}};
    for (const int fd : interrupts) waits.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    trunk_->watch(waits);
    const int ready = ::poll(waits.data(), waits.size(), deadline.poll_timeout());
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return tl::unexpected(Error::system(attempted, errno));
    for (std::size_t i = 1; i <= interrupts.size(); ++i) {
      if (waits[i].revents != 0) return tl::unexpected(Error::cancelled(attempted));
    }
    const auto worked = trunk_->work(waits);
    if (trunk_->greeting()) break;
    if (!worked && worked.error().kind != ErrorKind::kLost) return worked;
    if (!worked || waits.front().revents != 0) {
      // Its port ends just before it does.
      const Deadline its_end = Deadline::after(std::chrono::seconds(5));
      pollfd end{.fd = ready_fd(), .events = POLLIN, .revents = 0};
      while (!worked && !has_ended() && !its_end.passed()) ::poll(&end, 1, its_end.poll_timeout());
      if (!worked || has_ended()) {
        Error error = how_it_ended(kBootLines);
        error.attempted = attempted;
        error.detail = "it stopped before it said hello: " + error.detail;
        return tl::unexpected(std::move(error));
      }
    }
    if (ready == 0) {
      const off_t size = size_of(console_);
      if (size == said || last.passed()) {
        const std::string why =
            last.passed() ? fmt::format("no hello within {} ms", spec.limit.count())
                          : fmt::format("no hello, and nothing new on its console for {} ms", patience.count());
        return tl::unexpected(Error::timeout(attempted, why + what_it_said(console_, kBootLines)));
      }
      said = size;
      deadline = last.sooner_of(Deadline::after(patience));
    }
  }
  if (trunk_->greeting() == spec.greeting) return {};
  return tl::unexpected(Error::internal(attempted, "another build of netns-lab runs in it"));
}

bool Machine::has_ended() {
  const bool has_ended = qemu_.end().has_value();  // asked first: all it said is there to be read then
  const process::Chunk chunk = qemu_.read(64 << 10, Deadline::passed_already());
  printed_ += chunk.output + chunk.errors;
  return has_ended || chunk.end;
}

Error Machine::why_ended() const { return how_it_ended(kTailLines); }

Error Machine::how_it_ended(std::size_t lines) const {
  const auto end = qemu_.end();
  std::string detail = console_cause(end_of_file(console_.get(), kTailBytes));
  if (!detail.empty()) detail += "; ";
  detail += end ? "QEMU " + to_string(*end) : "its port ended, and QEMU runs on";
  if (!printed_.empty()) detail += ", and said: " + console_tail(printed_);
  return Error::lost("run a virtual machine", detail + what_it_said(console_, lines));
}

}  // namespace netns_lab::qemu
