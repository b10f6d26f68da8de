#include "harness/cli/machine_witness.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "harness/base/text.h"
#include "harness/cli/machine_keeper.h"
#include "harness/lab/named_lab.h"
#include "harness/lab/qemu/console.h"

namespace netns_lab::cli {
namespace {

constexpr std::size_t kMostWords = 16 << 10;    // bytes
constexpr std::size_t kMostConsole = 64 << 10;  // bytes
constexpr std::size_t kShownLines = 120;        // a panic is followed by some sixty

Result<UniqueFd> file_in_memory(const char* name) {
  UniqueFd file(::memfd_create(name, MFD_CLOEXEC));
  if (file.valid()) return file;
  return tl::unexpected(Error::system(fmt::format("keep {} in memory", name), errno));
}

std::string last_lines(std::string_view text, std::size_t most) {
  const std::vector<std::string> lines = split_lines(text);
  const std::size_t first = lines.size() > most ? lines.size() - most : 0;
  return join(std::span(lines).subspan(first), "\n");
}

std::string behind(const std::string& cause, const std::string& message) {
  if (cause.empty()) return message;
  return message.empty() ? cause : cause + "\n" + message;
}

}  // namespace

Result<MachineWitness> MachineWitness::create(int machines) {
  MachineWitness witness;
  for (int i = 0; i < machines; ++i) {
    Machine machine;
    NETNS_LAB_ASSIGN(machine.last_words, file_in_memory("netns-lab-last-words"));
    NETNS_LAB_ASSIGN(machine.console, file_in_memory("netns-lab-console"));
    witness.machines_.push_back(std::move(machine));
  }
  return witness;
}

MachineWitness MachineWitness::of_standing(const std::string& folder) {
  const auto open_file = [&folder](const std::string& name) {
    return UniqueFd(::open((folder + "/" + name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  };
  MachineWitness witness;
  for (int number = 1;; ++number) {
    Machine machine;
    machine.last_words = open_file(of_machine(kLastWordsFile, number));
    machine.console = open_file(of_machine(kConsoleFile, number));
    if (number > 1 && !machine.console.valid() && !machine.last_words.valid()) return witness;
    struct stat status {};
    if (machine.console.valid() && ::fstat(machine.console.get(), &status) == 0) {
      machine.from = static_cast<std::size_t>(status.st_size);
    }
    witness.machines_.push_back(std::move(machine));
  }
}

MachineWitness MachineWitness::of_named(const std::string& name) {
  const auto home = LabHome::open(RuntimeEnvironment::of_process());
  return home ? of_standing(home->lab_path(name)) : MachineWitness();
}

std::string MachineWitness::owner(std::size_t machine) const {
  return machines_.size() < 2 ? "" : fmt::format(" of node-{}", machine + 1);
}

std::string MachineWitness::cause() const {
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    const std::string words = qemu::end_of_file(last_words(i), kMostWords);
    if (!words.empty()) return machines_.size() < 2 ? words : fmt::format("the virtual machine{}: {}", owner(i), words);
  }
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    const std::string words = qemu::console_cause(text_of(machines_[i]));
    if (!words.empty()) return fmt::format("the virtual machine{}: {}", owner(i), words);
  }
  return "";
}

std::string MachineWitness::out_of_memory() const {
  for (const Machine& machine : machines_) {
    std::string line = qemu::out_of_memory(text_of(machine));
    if (!line.empty()) return line;
  }
  return "";
}

std::string MachineWitness::text_of(const Machine& machine) {
  std::string text = qemu::end_of_file(machine.console.get(), kMostConsole, machine.from);
  std::erase(text, '\r');
  return text;
}

std::string MachineWitness::console_text() const {
  std::string all;
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    if (machines_.size() > 1) all += fmt::format("=== the machine{}\n", owner(i));
    all += text_of(machines_[i]);
  }
  return all;
}

RunEvent MachineReporter::operator()(RunEvent event) {
  if (auto* ended = std::get_if<CaseEnded>(&event)) explain(*ended);
  if (auto* ended = std::get_if<WorkerEnded>(&event)) explain(*ended);
  return event;
}

void MachineReporter::explain(CaseEnded& ended) {
  if (ended.verdict == Verdict::kFail) {
    const std::string killed = witness_.out_of_memory();
    if (killed.empty()) return;
    ended.verdict = Verdict::kError;
    ended.message =
        "what failed while the virtual machine was out of memory cannot be told from what is wrong; more "
        "memory: --memory 1G\n" +
        ended.message;
  }
  if (ended.verdict != Verdict::kError) return;
  has_error_ = true;
  ended.message = behind(witness_.cause(), ended.message);
  if (std::exchange(shown_for_, ended.worker) == ended.worker) return;
  const std::string console = witness_.console_text();
  if (console.empty()) return;
  if (!ended.evidence.empty()) ended.evidence += "\n";
  ended.evidence += "The virtual machine's console ends:\n" + visible(last_lines(console, kShownLines));
  ended.attachments.push_back(console_log_);
}

void MachineReporter::explain(WorkerEnded& ended) const {
  const bool judged = ended.status == ExitStatus::kConformant || ended.status == ExitStatus::kNotConformant ||
                      ended.status == ExitStatus::kNothingRan;
  if (ended.status == ExitStatus::kNotConformant && !witness_.out_of_memory().empty()) {
    ended.status = ExitStatus::kLabMissing;
  } else if (judged) {
    return;
  }
  ended.message = behind(witness_.cause(), ended.message);
}

}  // namespace netns_lab::cli
