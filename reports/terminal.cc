#include "reports/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <string_view>
#include <utility>

#include "harness/base/text.h"
#include "harness/model/judgement.h"
#include "reports/failure_text.h"
#include "reports/kernel_table.h"

namespace netns_lab::reports {
namespace {

constexpr std::size_t kMostMessage = 8 * 1024;

struct Style {
  const char* word;
  const char* colour;
};

Style style_of(std::optional<Verdict> verdict, Level level) {
  if (!verdict) return {"none", "\033[2m"};
  switch (*verdict) {
    case Verdict::kPass:
      return {"pass", "\033[32m"};
    case Verdict::kFail:
      return level == Level::kMust ? Style{"FAIL", "\033[1;31m"} : Style{"fail", "\033[33m"};
    case Verdict::kSkip:
      return {"skip", "\033[36m"};
    case Verdict::kError:
      return {"ERROR", "\033[1;35m"};
    case Verdict::kKnownFailure:
      return {"known", "\033[33m"};
  }
  return {"?", ""};
}

class Painter {
 public:
  explicit Painter(Colour colour) : on_(colour == Colour::kOn) {}
  std::string operator()(const char* colour, const std::string& text) const {
    return on_ ? colour + text + "\033[0m" : text;
  }

 private:
  bool on_;
};

void print_indented(std::ostream& out, const std::string& indent, const std::string& text) {
  for (const std::string& line : split_lines(visible(text, kMostMessage))) out << indent << line << '\n';
}

// A matcher's message is "Value of:", "Expected:", "Actual:" and below that all the evidence, then "- " reasons and
// "Why:". People get what was seen in one line, and the reasons; the evidence stands in the report.
std::string without_evidence(const std::string& message) {
  std::vector<std::string> kept;
  std::size_t left_out = 0;
  bool evidence = false;
  const auto tell_left_out = [&] {
    if (left_out != 0) kept.push_back(fmt::format("          (and {} more lines, in the report)", left_out));
    left_out = 0;
  };
  for (const std::string& line : split_lines(message)) {
    const std::size_t text = line.find_first_not_of(' ');
    const std::string_view words = text == std::string::npos ? std::string_view() : std::string_view(line).substr(text);
    if (words.starts_with("- ") || words.starts_with("Why:") || words.starts_with("Value of:") ||
        words.starts_with("Expected")) {
      evidence = false;
    }
    if (evidence) {
      if (!words.starts_with("(of type ")) ++left_out;
      continue;
    }
    tell_left_out();
    if (!words.empty()) kept.push_back(line);
    if (words.starts_with("Actual:")) evidence = true;
  }
  tell_left_out();
  return join(kept, "\n");
}

void print_case(std::ostream& out, const std::string& indent, const CaseEnded& one) {
  out << indent << one.suite << '.' << one.name;
  if (!one.file.empty()) out << fmt::format(" ({}:{})", one.file, one.line);
  out << '\n';
  print_indented(out, indent + "  ", without_code(without_evidence(one.message)));
}

std::string title(const WorkerStarted& worker) {
  std::string text =
      fmt::format("{}, target {}, {}, lab {}", worker.scenario, worker.target, worker.family, worker.lab);
  if (!worker.lab_name.empty()) text += fmt::format(" '{}'", worker.lab_name);
  if (!worker.kernel_label.empty()) text += ", kernel " + worker.kernel_label;
  if (worker.order != 0) text += fmt::format(", shuffled (--seed {})", worker.order);
  for (const auto& [name, value] : worker.parameters) text += fmt::format(" {}={}", name, value);
  return visible(text);
}

std::string milliseconds(std::chrono::microseconds duration) {
  return fmt::format("{:.1f} ms", static_cast<double>(duration.count()) / 1000.0);
}

const char* verdict_colour(ExitStatus status) {
  return status == ExitStatus::kConformant ? "\033[1;32m" : "\033[1;31m";
}

}  // namespace

TerminalPrinter::TerminalPrinter(std::ostream& out, TerminalOptions options)
    : out_(out), options_(std::move(options)) {}

void TerminalPrinter::add(const RunEvent& event) {
  result_.add(event);
  if (const auto* ended = std::get_if<WorkerEnded>(&event)) print_worker(result_.workers.at(ended->worker));
  if (std::holds_alternative<RunEnded>(event)) print_end();
}

void TerminalPrinter::print_worker(const WorkerResult& worker) {
  const Painter paint(options_.colour);
  out_ << paint("\033[1m", title(worker.started)) << '\n';
  const std::vector<RequirementResult> results = by_requirement(worker);
  std::size_t width = 0;
  for (const RequirementResult& one : results) width = std::max(width, one.requirement.id.size());
  const std::string indent(8, ' ');

  std::size_t unjudged = 0;
  for (const RequirementResult& one : results) {
    if (!one.verdict) {
      ++unjudged;
      continue;
    }
    const Style style = style_of(one.verdict, one.requirement.level);
    out_ << "  " << paint(style.colour, fmt::format("{:<5}", style.word))
         << fmt::format(" {:<{}}  ", visible(one.requirement.id), width);
    if (one.requirement.level != Level::kMust) out_ << to_string(one.requirement.level) << ": ";
    out_ << visible(one.requirement.text) << '\n';
    std::string told;  // many claims rest on the same one: its message once
    for (const std::size_t index : one.cases) {
      const CaseEnded& of = worker.cases[index];
      if (of.verdict == Verdict::kPass) continue;
      if (of.verdict == Verdict::kSkip || of.verdict == Verdict::kKnownFailure) {
        if (of.message == std::exchange(told, of.message)) continue;
        print_indented(out_, indent, without_code(without_evidence(of.message)));
      } else {
        print_case(out_, indent, of);
      }
    }
  }
  // A lab that is missing breaks every case alike: told once.
  std::map<std::pair<Verdict, std::string>, std::size_t> alike;
  for (const CaseEnded& one : worker.cases) {
    if (one.requirements.empty() && one.verdict != Verdict::kPass) ++alike[{one.verdict, one.message}];
  }
  for (const CaseEnded& one : worker.cases) {
    const auto group = alike.find({one.verdict, one.message});
    if (!one.requirements.empty() || group == alike.end() || group->second == 0) continue;
    const Style style = style_of(one.verdict, one.level);
    const std::size_t others = std::exchange(group->second, 0) - 1;
    out_ << "  " << paint(style.colour, fmt::format("{:<5}", style.word));
    if (others == 0) {
      out_ << " (no requirement)\n";
      print_case(out_, indent, one);
    } else {
      out_ << fmt::format(" {}.{} and {} other cases, all for the same reason\n", one.suite, one.name, others);
      if (!worker.ended || worker.ended->message != one.message) print_indented(out_, indent, one.message);
    }
  }
  for (const CaseStarted& one : worker.running) {
    out_ << "  " << paint("\033[1;35m", "ERROR")
         << fmt::format(" {}.{} was running when its worker ended\n", one.suite, one.name);
  }
  if (unjudged != 0) out_ << fmt::format("  {} of {} requirements were not judged\n", unjudged, results.size());
  if (worker.ended && !worker.ended->message.empty()) print_indented(out_, "  ", worker.ended->message);
  const ExitStatus status = judge(worker);
  out_ << "  " << paint(verdict_colour(status), to_string(status)) << ": " << count(worker) << "\n\n";
  out_.flush();
}

void TerminalPrinter::print_end() {
  const Painter paint(options_.colour);
  const RunEnded& ended = *result_.ended;
  if (const std::string table = kernel_table(result_); !table.empty()) out_ << table << '\n';
  if (!ended.message.empty()) print_indented(out_, "", ended.message);
  const ExitStatus status = ended.status;
  out_ << paint(verdict_colour(status), to_string(status));
  if (result_.workers.size() != 1)
    out_ << ": " << count(result_) << fmt::format(" ({} workers)", result_.workers.size());
  out_ << fmt::format(" in {}", milliseconds(ended.duration));
  if (!options_.report.empty()) out_ << ", report in " << options_.report;
  out_ << '\n';
  out_.flush();
}

}  // namespace netns_lab::reports
