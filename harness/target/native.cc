#include "harness/target/native.h"

#include <fmt/format.h>

#include <utility>

#include "harness/base/exhaustion.h"
#include "harness/base/number_text.h"
#include "harness/base/text.h"
#include "harness/target/declared.h"

namespace netns_lab {
namespace {

// A request holds open what its changes were done with, some descriptors a namespace: more changes than this are done
// in several requests, each of which begins with a namespace.
constexpr std::size_t kPart = 512;

std::vector<std::vector<Change>> in_parts(const std::vector<Change>& changes) {
  std::vector<std::vector<Change>> parts(1);
  bool follows_another = false;  // several namespaces in a row are made together
  for (const Change& change : changes) {
    const bool is_namespace = std::holds_alternative<CreateNamespace>(change);
    if (is_namespace && !follows_another && parts.back().size() >= kPart) parts.emplace_back();
    follows_another = is_namespace;
    parts.back().push_back(change);
  }
  return parts;
}

Result<TargetOutcome> apply(Node& node, const BuildTask& task, const char* what, const std::vector<Change>& changes) {
  TargetOutcome outcome;
  std::size_t done = 0;
  for (std::vector<Change>& part : in_parts(changes)) {
    done += part.size();
    const Result<void> applied = node.apply(std::move(part));
    if (applied && task.told && done < changes.size())
      task.told(fmt::format("{}: {} of {} changes", what, grouped(done), grouped(changes.size())));
    if (applied) continue;
    const Error& error = applied.error();
    if (error.kind != ErrorKind::kSystem || is_exhaustion(error.system_errno)) return tl::unexpected(error);
    outcome.succeeded = false;
    outcome.failure = visible(error.message());
    break;
  }
  return outcome;
}

}  // namespace

Result<TargetOutcome> NativeTarget::build(Node& node, const BuildTask& task) {
  NETNS_LAB_ASSIGN(TargetOutcome outcome, apply(node, task, "build", task.topology.build));
  if (outcome.succeeded) NETNS_LAB_TRY(let_links_settle(node, task));
  return outcome;
}

Result<TargetOutcome> NativeTarget::tear_down(Node& node, const BuildTask& task) {
  return apply(node, task, "tear-down", task.topology.tear_down);
}

}  // namespace netns_lab
