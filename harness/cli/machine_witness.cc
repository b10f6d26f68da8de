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

Result<MachineWitness> MachineWitness::create() {
  MachineWitness witness;
  NETNS_LAB_ASSIGN(witness.last_words_, file_in_memory("netns-lab-last-words"));
  NETNS_LAB_ASSIGN(witness.console_, file_in_memory("netns-lab-console"));
  return witness;
}

MachineWitness MachineWitness::of_standing(const std::string& folder) {
  const auto open_file = [&folder](const char* name) {
    return UniqueFd(::open((folder + "/" + name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  };
  MachineWitness witness;
  witness.last_words_ = open_file(kLastWordsFile);
  witness.console_ = open_file(kConsoleFile);
  struct stat status {};
  if (witness.console_.valid() && ::fstat(witness.console(), &status) == 0) {
    witness.from_ = static_cast<std::size_t>(status.st_size);
  }
  return witness;
}

MachineWitness MachineWitness::of_named(const std::string& name) {
  const auto home = LabHome::open(RuntimeEnvironment::of_process());
  return home ? of_standing(home->lab_path(name)) : MachineWitness();
}

std::string MachineWitness::cause() const {
  std::string words = qemu::end_of_file(last_words(), kMostWords);
  if (!words.empty()) return words;
  words = qemu::console_cause(console_text());
  return words.empty() ? "" : "the virtual machine: " + words;
}

std::string MachineWitness::out_of_memory() const { return qemu::out_of_memory(console_text()); }
std::string MachineWitness::console_text() const {
  std::string text = qemu::end_of_file(console(), kMostConsole, from_);
  std::erase(text, '\r');
  return text;
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
