#include "harness/testing/verdict_listener.h"

#include <fmt/format.h>

#include "harness/base/text.h"
#include "harness/testing/lab_environment.h"

namespace netns_lab {
namespace {

constexpr std::size_t kLongestEvidence = 256 * 1024;  // bytes of a case's evidence in the record

std::string known_failure_of(const WorkerContext& context, const CaseRecord& record) {
  const auto& known = context.spec.known_failures;
  for (const std::string& id : record.requirements) {
    if (const auto found = known.find(id); found != known.end()) return found->second;
  }
  const auto found = known.find(record.suite + "." + record.name);
  return found == known.end() ? std::string() : found->second;
}

// A claim that fails for want of what it rests on is skipped, unless a filter has left that out.
std::string what_was_left_out(const RequirementBook& book, const CaseRecord& record) {
  for (const std::string& id : record.requirements) {
    const std::vector<std::string> bases = book.unjudged_bases(id);
    if (bases.empty()) continue;
    return fmt::format("\n{} rests on {}, which the filter left out: the cause may lie there", id, join(bases, ", "));
  }
  return "";
}

std::string written_out(const CaseRecord& record) {
  std::string text;
  for (const auto& evidence : record.evidence) {
    if (!text.empty()) text += "\n";
    text += evidence();
  }
  return visible(text, kLongestEvidence);
}

}  // namespace

std::string plain_suite_name(const std::string& name) {
  const auto slash = name.find('/');
  return slash == std::string::npos ? name : name.substr(slash + 1);
}

std::string plain_case_name(const std::string& name) { return name.substr(0, name.find('/')); }

void VerdictListener::OnTestIterationStart(const ::testing::UnitTest&, int iteration) {
  context_.order.begin(iteration);
  if (context_.order.is_first_pass()) context_.book.forget();
}

void VerdictListener::OnTestStart(const ::testing::TestInfo& info) {
  parts_.clear();
  started_ = std::chrono::steady_clock::now();
  auto record = std::make_unique<CaseRecord>();
  record->suite = plain_suite_name(info.test_suite_name());
  record->name = plain_case_name(info.name());
  if (context_.order.round() > 0) record->name += fmt::format("#{}", context_.order.round() + 1);
  record->file = info.file();
  record->line = info.line();
  context_.running = std::move(record);
  context_.running_announced = false;
  // Where the filter names ids, and where it may be put off, the case is announced once it has named its own.
  if (!context_.selection.names_ids() && context_.order.passes() == 1) context_.announce_running();
}

void VerdictListener::OnTestPartResult(const ::testing::TestPartResult& result) {
  if (result.failed() && !context_.running && context_.broke.empty()) context_.broke = visible(result.message(), 500);
  CasePart part;
  part.failed = result.failed();
  part.skipped = result.skipped();
  part.file = result.file_name() == nullptr ? "" : result.file_name();
  part.line = result.line_number();
  part.message = result.message();
  if (part.failed || part.skipped) parts_.push_back(std::move(part));
}

void VerdictListener::OnTestEnd(const ::testing::TestInfo&) {
  const CaseRecord& record = *context_.running;
  if (!record.put_off) context_.order.end(record.name);
  if (record.deselected || record.put_off) {
    context_.running.reset();
    return;
  }
  context_.announce_running();
  const CaseJudgement judgement = judge_case(record, parts_, known_failure_of(context_, record));
  CaseEnded ended;
  ended.worker = context_.spec.number;
  ended.suite = record.suite;
  ended.name = record.name;
  ended.requirements = record.requirements;
  ended.level = record.level.value_or(Level::kMust);
  ended.verdict = judgement.verdict;
  ended.message = judgement.message;
  if (judgement.verdict == Verdict::kFail) {
    ended.message += what_was_left_out(context_.book, record);
    const std::string printed = context_.environment != nullptr ? context_.environment->printed() : "";
    if (!printed.empty() && context_.environment->tells_first(printed))
      ended.message += "\nThe target reported success, and printed: " + printed;
  }
  if (judgement.verdict != Verdict::kPass && judgement.verdict != Verdict::kSkip) ended.evidence = written_out(record);
  ended.file = judgement.file;
  ended.line = judgement.line;
  ended.duration = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - started_);
  for (const std::string& id : record.requirements) context_.book.record(id, judgement.verdict);
  counts_.add(ended);
  if (judgement.verdict == Verdict::kFail || judgement.verdict == Verdict::kError) context_.any_failed = true;
  context_.running.reset();
  context_.sink(ended);
}

}  // namespace netns_lab
