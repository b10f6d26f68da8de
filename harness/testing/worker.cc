#include "harness/testing/worker.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "harness/base/text.h"
#include "harness/base/unique_fd.h"
#include "harness/testing/lab_environment.h"
#include "harness/testing/verdict_listener.h"
#include "harness/testing/worker_context.h"

namespace netns_lab {
namespace {

// GoogleTest as we want it, whatever GTEST_* variables the user's environment holds for other purposes.
void initialise_googletest() {
  for (const char* name : {"GTEST_FILTER", "GTEST_OUTPUT", "GTEST_REPEAT", "GTEST_SHUFFLE", "GTEST_TOTAL_SHARDS",
                           "GTEST_SHARD_INDEX", "GTEST_SHARD_STATUS_FILE", "GTEST_FAIL_FAST", "GTEST_BREAK_ON_FAILURE",
                           "GTEST_CATCH_EXCEPTIONS", "GTEST_THROW_ON_FAILURE", "GTEST_ALSO_RUN_DISABLED_TESTS",
                           "XML_OUTPUT_FILE", "TESTBRIDGE_TEST_ONLY", "TEST_TOTAL_SHARDS"}) {
    ::unsetenv(name);
  }
  // It asks where it is, and gives up when that folder is gone. All that was named by the user is open by now.
  std::error_code gone;
  const std::filesystem::path here = std::filesystem::current_path(gone);
  if (here.empty()) static_cast<void>(::chdir("/") == 0);
  int argc = 1;
  std::string program = "netns-lab";
  char* argv[] = {program.data(), nullptr};
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::GTEST_FLAG(catch_exceptions) = true;
}

template <typename Use>
void for_each_case(Use use) {
  const auto& unit_test = *::testing::UnitTest::GetInstance();
  for (int s = 0; s < unit_test.total_test_suite_count(); ++s) {
    const auto& suite = *unit_test.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) use(suite, *suite.GetTestInfo(t));
  }
}

// The filter, as full names, that makes GoogleTest run exactly what is selected; "" when nothing is.
std::string googletest_filter(const Selection& selection) {
  std::string filter;
  for_each_case([&](const ::testing::TestSuite& suite, const ::testing::TestInfo& info) {
    if (!selection.takes_case(plain_suite_name(suite.name()), plain_case_name(info.name()))) return;
    if (!filter.empty()) filter += ":";
    filter += std::string(suite.name()) + "." + info.name();
  });
  return filter;
}

ExitStatus status_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalid:
      return ExitStatus::kUsage;
    case ErrorKind::kInternal:
      return ExitStatus::kHarnessBroke;
    case ErrorKind::kCancelled:
      return ExitStatus::kInterrupted;
    default:
      return ExitStatus::kLabMissing;
  }
}

ExitStatus status_of(const WorkerContext& context, const Counts& counts) {
  if (context.worst_lab_error) {
    const ExitStatus status = status_of(*context.worst_lab_error);
    // The user's input was refused before anything was built, or not at all: later it is we who asked for nonsense.
    const bool is_ours = status == ExitStatus::kUsage && !context.set_up_failed;
    return is_ours ? ExitStatus::kHarnessBroke : status;
  }
  if (counts.errors > 0 || !context.broke.empty()) return ExitStatus::kHarnessBroke;
  if (counts.failed > 0) return ExitStatus::kNotConformant;
  if (counts.total() == counts.skipped) return ExitStatus::kNothingRan;
  return ExitStatus::kConformant;
}

ExitStatus end(const WorkerSpec& spec, const EventSink& sink, ExitStatus status, std::string message) {
  WorkerEnded ended;
  ended.worker = spec.number;
  ended.status = status;
  ended.message = std::move(message);
  sink(ended);
  return status;
}

}  // namespace

WorkerStarted worker_started(const WorkerSpec& spec) {
  WorkerStarted event;
  event.worker = spec.number;
  event.scenario = spec.scenario->name;
  event.target = spec.target->name();
  event.family = to_string(spec.family);
  event.parameters = spec.parameters;
  event.lab = to_string(spec.lab.provider);
  event.lab_name = spec.lab.name;
  // The nodes of other providers run on this machine's kernel.
  event.kernel = spec.lab.node_kernel;
  event.kernel_label = spec.lab.kernel_label;
  utsname machine{};
  if (!is_virtual_machine(spec.lab.provider) && ::uname(&machine) == 0) event.kernel = machine.release;
  event.order = spec.order.value_or(0);
  event.catalogue = spec.scenario->requirements;
  return event;
}

ExitStatus run_worker(const WorkerSpec& spec, const LabServices& services, const EventSink& sink,
                      const ProgressText& show_progress) {
  WorkerContext context(spec, services, sink);
  context.show_progress = show_progress;
  const WorkerContext::Scope scope(context);
  sink(worker_started(spec));
  auto topologies = spec.scenario->topologies(spec.parameters, spec.family);
  if (!topologies) return end(spec, sink, status_of(topologies.error()), topologies.error().message());
  context.topologies = *std::move(topologies);

  initialise_googletest();
  const std::string filter = googletest_filter(context.selection);
  if (filter.empty()) {
    return end(spec, sink, ExitStatus::kNothingRan,
               "the filter \"" + visible(spec.filter, 200) + "\" selects no case of " + spec.scenario->name +
                   "; see netns-lab list requirements");
  }
  ::testing::GTEST_FLAG(filter) = filter;
  ::testing::GTEST_FLAG(repeat) = spec.repeat * context.order.passes();
  if (spec.order) {
    ::testing::GTEST_FLAG(shuffle) = true;
    ::testing::GTEST_FLAG(random_seed) = static_cast<std::int32_t>(*spec.order);
  }
  // Each time with a lab, a build and a snapshot of its own: what one round changed is not there in the next.
  ::testing::GTEST_FLAG(recreate_environments_when_repeating) = true;

  auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  auto* listener = new VerdictListener(context);  // GoogleTest owns it
  listeners.Append(listener);
  ::testing::AddGlobalTestEnvironment(new LabEnvironment(context));  // and this
  // Its result says no more than the events do.
  [[maybe_unused]] const int googletest_status = RUN_ALL_TESTS();

  const ExitStatus status = status_of(context, listener->counts());
  const bool lab_broke = context.worst_lab_error && status != ExitStatus::kConformant;
  std::string message = lab_broke ? context.worst_lab_error->message() : context.broke;
  if (message.empty()) message = context.slow_text();
  if (status == ExitStatus::kNothingRan)
    message = listener->counts().total() == 0 ? "nothing ran" : "everything was skipped";
  return end(spec, sink, status, std::move(message));
}

std::vector<std::string> list_cases(const Scenario& scenario) {
  // In a process of its own: GoogleTest instantiates its value-parameterised cases once, and a worker forked later must
  // do that with its own value.
  int ends[2];
  if (::pipe(ends) != 0) return {};
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return {};
  if (child == 0) {
    WorkerSpec spec;
    spec.scenario = &scenario;
    const LabServices services;
    WorkerContext context(spec, services, [](const RunEvent&) {});
    const WorkerContext::Scope scope(context);
    initialise_googletest();
    std::string names;
    for_each_case([&](const ::testing::TestSuite& suite, const ::testing::TestInfo& info) {
      names += plain_suite_name(suite.name()) + "." + plain_case_name(info.name()) + "\n";
    });
    std::size_t written = 0;
    while (written < names.size()) {
      const ssize_t n = ::write(writer.get(), names.data() + written, names.size() - written);
      if (n <= 0) break;
      written += static_cast<std::size_t>(n);
    }
    ::_exit(0);
  }
  writer.reset();
  std::string names;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(reader.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    names.append(buffer, static_cast<std::size_t>(n));
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return split_lines(names);
}

}  // namespace netns_lab
