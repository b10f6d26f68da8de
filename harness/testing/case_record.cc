#include "harness/testing/case_record.h"

#include <fmt/format.h>

#include <algorithm>

namespace netns_lab {
namespace {

std::string combined(const std::vector<CasePart>& parts, bool CasePart::*which) {
  std::string message;
  for (const CasePart& part : parts) {
    if (!(part.*which)) continue;
    if (!message.empty()) message += "\n";
    message += part.message;
  }
  return message;
}

}  // namespace

CaseJudgement judge_case(const CaseRecord& record, const std::vector<CasePart>& parts,
                         const std::string& known_failure) {
  CaseJudgement judgement;
  judgement.file = record.file;
  judgement.line = record.line;
  if (record.lab_error) {
    judgement.verdict = Verdict::kError;
    judgement.message = record.lab_error->message();
    return judgement;
  }
  const auto first = std::find_if(parts.begin(), parts.end(), [](const CasePart& part) { return part.failed; });
  if (first != parts.end()) {
    if (!first->file.empty()) {
      judgement.file = first->file;
      judgement.line = first->line;
    }
    const bool threw =
        std::any_of(parts.begin(), parts.end(), [](const CasePart& part) { return part.failed && part.file.empty(); });
    judgement.verdict = threw ? Verdict::kError : Verdict::kFail;
    judgement.message = combined(parts, &CasePart::failed);
    if (judgement.verdict == Verdict::kFail && !known_failure.empty()) {
      judgement.verdict = Verdict::kKnownFailure;
      judgement.message = fmt::format("known failure: {}\n{}", known_failure, judgement.message);
    }
    return judgement;
  }
  const bool skipped = std::any_of(parts.begin(), parts.end(), [](const CasePart& part) { return part.skipped; });
  if (skipped) {
    judgement.verdict = Verdict::kSkip;
    judgement.message = combined(parts, &CasePart::skipped);
    return judgement;
  }
  if (record.requirements.empty() || record.observations == 0) {
    judgement.verdict = Verdict::kError;
    judgement.message = record.requirements.empty()
                            ? "the case names no requirement: it proves nothing (REQUIREMENT(\"…\") is missing)"
                            : "the case looked at no evidence: it proves nothing";
    return judgement;
  }
  if (!known_failure.empty()) {
    judgement.verdict = Verdict::kFail;
    judgement.message =
        fmt::format("passed, though it is listed as a known failure: {}. Take it off the list", known_failure);
  }
  return judgement;
}

}  // namespace netns_lab
