#include "harness/target/native.h"

#include <utility>

#include "harness/base/exhaustion.h"
#include "harness/base/text.h"
#include "harness/target/declared.h"

namespace netns_lab {
namespace {

Result<TargetOutcome> apply(Node& node, const std::vector<Change>& changes) {
  TargetOutcome outcome;
  if (const Result<void> applied = node.apply(changes); !applied) {
    const Error& error = applied.error();
    if (error.kind != ErrorKind::kSystem || is_exhaustion(error.system_errno)) return tl::unexpected(error);
    outcome.succeeded = false;
    outcome.failure = visible(error.message());
  }
  return outcome;
}

}  // namespace

Result<TargetOutcome> NativeTarget::build(Node& node, const BuildTask& task) {
  NETNS_LAB_ASSIGN(TargetOutcome outcome, apply(node, task.topology.build));
  if (outcome.succeeded) NETNS_LAB_TRY(let_links_settle(node, task));
  return outcome;
}

Result<TargetOutcome> NativeTarget::tear_down(Node& node, const BuildTask& task) {
  return apply(node, task.topology.tear_down);
}

}  // namespace netns_lab
