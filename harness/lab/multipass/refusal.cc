#include "harness/lab/multipass/refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <string_view>
#include <utility>

#include "harness/base/text.h"

namespace netns_lab::multipass {
namespace {

using How = process::CommandEnd::How;

constexpr std::size_t kShown = 600;  // bytes of what it printed
constexpr int kTimeOut = 5;          // multipass's exit status

struct Meaning {
  const char* text;  // in what it printed, in small letters
  ErrorKind kind;
  const char* words;
  const char* remedy;
};
// The first that fits counts.
constexpr Meaning kMeanings[] = {
    {"not authenticated", ErrorKind::kMissing, "multipass does not know this user",
     "multipass authenticate (or, as root: multipass set local.passphrase)"},
    {"cannot connect to the multipass socket", ErrorKind::kMissing, "the daemon of multipass does not answer",
     "snap start multipass; and this user must be in the group that owns its socket (sudo)"},
    {"already exists", ErrorKind::kTaken, "the name is taken; a deleted instance keeps its name too",
     "use another --name, or free it: multipass delete --purge NAME"},
    {"does not exist", ErrorKind::kMissing, "there is no such instance",
     "multipass list --format csv shows what there is"},
    {"no space left", ErrorKind::kMissing, "the disk of this machine is full",
     "free some of it (multipass purge removes deleted instances)"},
    {"below minimum for this image", ErrorKind::kMissing, "the image needs more disk than there is or was asked for",
     "free some of it (multipass purge removes deleted instances)"},
    {"not enough", ErrorKind::kMissing, "this machine is short of what the instance needs",
     "stop other instances (multipass stop NAME), or free some disk"},
    {"unable to find an image", ErrorKind::kInvalid, "there is no such image", "multipass find shows what there is"},
    {"kvm", ErrorKind::kMissing, "this machine's processor or kernel does not let multipass start machines",
     "use --lab qemu, which does without"},
    {"hypervisor", ErrorKind::kMissing, "this machine's processor or kernel does not let multipass start machines",
     "use --lab qemu, which does without"},
    {"failed to download", ErrorKind::kMissing, "the image cannot be fetched", "look at this machine's network"},
    {"network timeout", ErrorKind::kMissing, "the image cannot be fetched", "look at this machine's network"},
    {"host not found", ErrorKind::kMissing, "the image cannot be fetched", "look at this machine's network"},
};

std::string in_small_letters(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string said_by(const process::CommandOutcome& outcome) {
  std::string said = outcome.errors.empty() ? outcome.output : outcome.errors;
  while (!said.empty() && std::isspace(static_cast<unsigned char>(said.back())) != 0) said.pop_back();
  return said;
}

bool says(const process::CommandOutcome& outcome, std::string_view text) {
  return in_small_letters(outcome.errors + outcome.output).find(text) != std::string::npos;
}

}  // namespace

bool is_time_out(const process::CommandOutcome& outcome) {
  if (outcome.end.how == How::kTimedOut) return true;
  return outcome.end.how == How::kExited && outcome.end.code != 0 &&
         (outcome.end.code == kTimeOut || says(outcome, "timed out"));
}

bool is_no_such_instance(const process::CommandOutcome& outcome) {
  return outcome.end.how == How::kExited && outcome.end.code != 0 && says(outcome, "does not exist");
}

Error refusal(const std::string& attempted, const process::Command& command, const process::CommandOutcome& outcome) {
  Error error;
  error.attempted = attempted;
  if (outcome.end.how == How::kNotStarted) {
    error.kind = ErrorKind::kMissing;
    error.detail =
        outcome.end.code == ENOENT ? "multipass is not installed here: " + outcome.end.reason : outcome.end.reason;
    error.remedy = "snap install multipass, or use --lab qemu";
    return error;
  }
  const std::string said = said_by(outcome);
  error.detail = fmt::format("`{}` {}", to_string(command), to_string(outcome.end));
  error.detail += said.empty() ? ", and printed nothing" : ", and printed: " + visible_line(visible(said, kShown));
  error.kind = is_time_out(outcome) ? ErrorKind::kTimeout : ErrorKind::kLost;
  for (const Meaning& meaning : kMeanings) {
    if (!says(outcome, meaning.text)) continue;
    error.kind = meaning.kind;
    error.detail = fmt::format("{}: {}", meaning.words, error.detail);
    error.remedy = meaning.remedy;
    return error;
  }
  error.remedy = error.kind == ErrorKind::kTimeout ? "multipass list shows what became of it; run it again"
                                                   : "multipass list and multipass version show how it is";
  return error;
}

}  // namespace netns_lab::multipass
