#include "reports/junit.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "harness/model/judgement.h"
#include "reports/junit_case.h"

namespace netns_lab::reports {
namespace {

constexpr auto kNotFinished = "not-finished";

struct RunningCase {
  CaseStarted started;
  CaseIdentity identity;
  std::string unfinished;  // its text should the harness end now
};

struct Suite {
  WorkerStarted worker;
  std::string class_name;
  std::string name;        // the class name as an attribute's value
  std::string head;        // properties
  std::string unfinished;  // text of the worker itself should the harness end between two cases
  std::string cases;       // those that ended, as text
  Counts counts;
  std::chrono::microseconds duration{0};
  std::vector<RunningCase> running;
  std::optional<WorkerEnded> ended;
};

// What <testsuite> and <testsuites> count.
struct Totals {
  unsigned tests = 0;
  unsigned failures = 0;
  unsigned errors = 0;
  unsigned skipped = 0;
  std::chrono::microseconds duration{0};

  Totals& operator+=(const Totals& other) {
    tests += other.tests;
    failures += other.failures;
    errors += other.errors;
    skipped += other.skipped;
    duration += other.duration;
    return *this;
  }
  std::string attributes() const {
    return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.6f}\"", tests, failures,
                       errors, skipped, std::chrono::duration<double>(duration).count());
  }
};

bool ended_well(ExitStatus status) {
  return status == ExitStatus::kConformant || status == ExitStatus::kNotConformant || status == ExitStatus::kNothingRan;
}

std::string type_of(ExitStatus status) {
  switch (status) {
    case ExitStatus::kDeadline:
      return "deadline";
    case ExitStatus::kInterrupted:
      return "interrupted";
    case ExitStatus::kLabMissing:
      return "lab";
    case ExitStatus::kUsage:
      return "usage";
    case ExitStatus::kHarnessBroke:
      return "harness";
    default:
      return kNotFinished;
  }
}

std::string with_reason(std::string text, const std::string& reason) {
  return reason.empty() ? text : std::move(text) + ": " + reason;
}

}  // namespace

class JunitDocument::State {
 public:
  void operator()(const RunStarted& event) { started_ = event; }
  void operator()(const RunEnded& event) { ended_ = event; }
  void operator()(const WorkerStarted& event) {
    Suite& suite = suites_[event.worker];
    suite.worker = event;
    std::string name = fmt::format("{}.{}.{}", event.scenario, event.target, event.family);
    if (!event.kernel_label.empty()) name += " on " + event.kernel_label;
    suite.class_name = unique(class_names_, name);
    furnish(suite);
  }
  void operator()(const WorkerEnded& event) { suite(event.worker).ended = event; }
  void operator()(const CaseStarted& event) {
    Suite& of = suite(event.worker);
    const CaseIdentity identity = identify(of, event.suite, event.name);
    of.running.push_back(
        {event, identity,
         unfinished_case(identity, event.file, event.line, kNotFinished, "was running when the harness ended")});
  }
  void operator()(const CaseEnded& event) {
    Suite& of = suite(event.worker);
    CaseIdentity identity;
    for (auto running = of.running.begin(); running != of.running.end(); ++running) {
      if (running->started.suite != event.suite || running->started.name != event.name) continue;
      identity = running->identity;
      of.running.erase(running);
      break;
    }
    if (identity.name.empty()) identity = identify(of, event.suite, event.name);
    of.cases += ended_case(identity, event, of.worker);
    of.counts.add(event);
    of.duration += event.duration;
  }

  std::string text() const {
    Totals totals;
    std::string body;
    std::size_t size = 4096;
    for (const auto& [number, suite] : suites_) size += suite.cases.size() + suite.head.size() + 4096;
    body.reserve(size);  // also for what comes in front of it
    for (const auto& [number, suite] : suites_) totals += print(suite, body);
    if (!ended_ || !ended_well(ended_->status)) totals += print_run(body);
    if (ended_) totals.duration = ended_->duration;
    const std::string head =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"netns-lab\" " + totals.attributes() + ">\n";
    body += "</testsuites>\n";
    return body.insert(0, head);
  }

 private:
  static std::string unique(std::set<std::string>& taken, const std::string& wanted) {
    std::string name = wanted;
    for (unsigned copy = 2; !taken.insert(name).second; ++copy) name = fmt::format("{} #{}", wanted, copy);
    return name;
  }

  // A worker that nobody announced still gets a place.
  Suite& suite(int worker) {
    const auto found = suites_.find(worker);
    if (found != suites_.end()) return found->second;
    Suite& made = suites_[worker];
    made.worker.worker = worker;
    made.class_name = unique(class_names_, fmt::format("worker {}", worker));
    furnish(made);
    return made;
  }

  CaseIdentity identify(const Suite& of, const std::string& suite_name, const std::string& name) {
    return {of.class_name, unique(case_names_[of.worker.worker], suite_name + "." + name)};
  }

  static void furnish(Suite& suite) {
    suite.name = attribute(suite.class_name);
    suite.head = suite_properties(suite.worker);
    suite.unfinished = unfinished_case({suite.class_name, "(worker)"}, "", 0, kNotFinished,
                                       "the harness ended before this worker had run all its cases");
  }

  // The cases of a worker that have no verdict, and the worker itself when it broke between two cases.
  static std::vector<std::string> unfinished(const Suite& suite) {
    std::vector<std::string> cases;
    for (const RunningCase& one : suite.running) {
      cases.push_back(
          suite.ended ? unfinished_case(one.identity, one.started.file, one.started.line, type_of(suite.ended->status),
                                        with_reason("was running when its worker ended", suite.ended->message))
                      : one.unfinished);
    }
    if (!cases.empty()) return cases;
    if (!suite.ended) {
      cases.push_back(suite.unfinished);
    } else if (!ended_well(suite.ended->status)) {
      cases.push_back(unfinished_case({suite.class_name, "(worker)"}, "", 0, type_of(suite.ended->status),
                                      with_reason(to_string(suite.ended->status), suite.ended->message)));
    }
    return cases;
  }

  static Totals print(const Suite& suite, std::string& body) {
    const std::vector<std::string> open = unfinished(suite);
    Totals totals{.tests = suite.counts.total() + static_cast<unsigned>(open.size()),
                  .failures = suite.counts.failed,
                  .errors = suite.counts.errors + static_cast<unsigned>(open.size()),
                  .skipped = suite.counts.skipped + suite.counts.known_failures,
                  .duration = suite.duration};
    body += fmt::format("<testsuite name=\"{}\" {}>\n", suite.name, totals.attributes());
    body += suite.head;
    body += suite.cases;
    for (const std::string& one : open) body += one;
    body += "</testsuite>\n";
    return totals;
  }

  // The run itself: not over, or over in a way that no worker tells.
  Totals print_run(std::string& body) const {
    for (const auto& [number, suite] : suites_) {
      if (!suite.ended || !ended_well(suite.ended->status)) return {};  // told there
    }
    const std::string message = ended_ ? with_reason(to_string(ended_->status), ended_->message)
                                       : std::string("the harness ended before the run did");
    const Totals totals{.tests = 1, .failures = 0, .errors = 1, .skipped = 0, .duration = {}};
    body += fmt::format("<testsuite name=\"netns-lab\" {}>\n", totals.attributes());
    body += unfinished_case({"netns-lab", "(run)"}, "", 0, ended_ ? type_of(ended_->status) : kNotFinished, message);
    body += "</testsuite>\n";
    return totals;
  }

  std::optional<RunStarted> started_;
  std::optional<RunEnded> ended_;
  std::map<int, Suite> suites_;
  std::set<std::string> class_names_;
  std::map<int, std::set<std::string>> case_names_;
};

JunitDocument::JunitDocument() : state_(std::make_unique<State>()) {}
JunitDocument::JunitDocument(JunitDocument&&) noexcept = default;
JunitDocument& JunitDocument::operator=(JunitDocument&&) noexcept = default;
JunitDocument::~JunitDocument() = default;
void JunitDocument::add(const RunEvent& event) { std::visit(*state_, event); }
std::string JunitDocument::text() const { return state_->text(); }

Result<JunitFile> JunitFile::create(std::string path) {
  JunitDocument document;
  NETNS_LAB_ASSIGN(ReplacedFile file, ReplacedFile::create(std::move(path), document.text()));
  return JunitFile(std::move(file), std::move(document));
}

void JunitFile::add(const RunEvent& event) {
  document_.add(event);
  changed_ = true;
}

Result<void> JunitFile::write() {
  if (!changed_) return {};
  NETNS_LAB_TRY(file_.replace(document_.text()));
  changed_ = false;
  return {};
}

std::string junit_text(std::span<const RunEvent> events) {
  JunitDocument document;
  for (const RunEvent& event : events) document.add(event);
  return document.text();
}

}  // namespace netns_lab::reports
