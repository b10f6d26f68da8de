#include "harness/cli/supervisor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ostream>

#include "harness/base/deadline.h"

namespace netns_lab::cli {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

CaseStarted case_started(int worker, const std::string& name) {
  CaseStarted started;
  started.worker = worker;
  started.suite = "Suite";
  started.name = name;
  return started;
}
CaseEnded case_ended(int worker, const std::string& name) {
  CaseEnded ended;
  ended.worker = worker;
  ended.suite = "Suite";
  ended.name = name;
  return ended;
}

std::string text(const RunEvent& event) {
  if (const auto* started = std::get_if<CaseStarted>(&event)) return "start " + started->name;
  if (const auto* ended = std::get_if<CaseEnded>(&event)) {
    return to_string(ended->verdict) + " " + ended->name + (ended->message.empty() ? "" : ": " + ended->message);
  }
  if (const auto* ended = std::get_if<WorkerEnded>(&event)) {
    return "worker ended with " + std::to_string(static_cast<int>(ended->status)) +
           (ended->message.empty() ? "" : ": " + ended->message);
  }
  return "other";
}

struct Outcome {
  Supervision supervision;
  std::vector<std::string> events;
};

Outcome run(SupervisorSpec spec) {
  Outcome outcome;
  outcome.supervision = supervise(
      spec,
      [&outcome](std::span<const RunEvent> events) {
        for (const RunEvent& event : events) outcome.events.push_back(text(event));
      },
      nullptr);
  return outcome;
}

WorkerJob job(std::function<ExitStatus(const EventSink&)> body, int number = 0) {
  return {.number = number,
          .label = "label",
          .body = [does = std::move(body)](const EventSink& sink, const auto& /*show*/) { return does(sink); }};
}

// Stands still until a signal ends it.
[[noreturn]] void hang() {
  while (true) ::pause();
}

struct BadEnd {
  std::string name;
  void (*end)();
  std::string want;
};
std::ostream& operator<<(std::ostream& out, const BadEnd& row) { return out << row.name; }

class WorkerThatDies : public testing::TestWithParam<BadEnd> {};

TEST_P(WorkerThatDies, LeavesItsCaseAsAnErrorAndItself) {
  const auto end = GetParam().end;
  const Outcome outcome = run({.jobs = {job([end](const EventSink& sink) {
                                 sink(case_started(0, "Runs"));
                                 end();
                                 return ExitStatus::kConformant;
                               })}});
  EXPECT_THAT(outcome.events, ElementsAre("start Runs", AllOf(HasSubstr("error Runs: "), HasSubstr(GetParam().want)),
                                          AllOf(HasSubstr("worker ended with 4"), HasSubstr(GetParam().want),
                                                HasSubstr("while Suite.Runs was running"))));
  EXPECT_FALSE(outcome.supervision.interrupted);
}

INSTANTIATE_TEST_SUITE_P(
    Supervisor, WorkerThatDies,
    testing::Values(
        BadEnd{.name = "BySigkill", .end = [] { ::kill(::getpid(), SIGKILL); }, .want = "was killed by SIGKILL"},
        BadEnd{.name = "BySegmentationFault",
               .end =
                   [] {
                     ::signal(SIGSEGV, SIG_DFL);
                     ::kill(::getpid(), SIGSEGV);
                   },
               .want = "was killed by SIGSEGV"},
        BadEnd{.name = "ByExit", .end = [] { ::_exit(77); }, .want = "exited with status 77"},
        BadEnd{.name = "ByExitZero", .end = [] { ::_exit(0); }, .want = "exited with status 0"}),
    [](const testing::TestParamInfo<BadEnd>& row) { return row.param.name; });

TEST(Supervisor, PassesEventsOfAGoodWorkerOnAsTheyAre) {
  const Outcome outcome = run({.jobs = {job([](const EventSink& sink) {
                                 sink(case_started(0, "Runs"));
                                 sink(case_ended(0, "Runs"));
                                 sink(WorkerEnded{0, ExitStatus::kConformant, ""});
                                 return ExitStatus::kConformant;
                               })}});
  EXPECT_THAT(outcome.events, ElementsAre("start Runs", "pass Runs", "worker ended with 0"));
}

TEST(WorkerProcess, SaysHowFarItsLastEventIsBesideTheEvents) {
  WorkerJob one = job({});
  one.body = [](const EventSink& sink, const auto& show) {
    show("of nothing yet");
    sink(case_started(0, "Runs"));
    show("1 of 3");
    show("2 of 3");
    hang();
    return ExitStatus::kConformant;
  };
  const SignalWatch signals{SIGCHLD};
  auto worker = WorkerProcess::start(one, signals);
  ASSERT_TRUE(worker) << worker.error();
  std::vector<std::string> events;
  for (const Deadline patience = Deadline::after(std::chrono::seconds(10));
       worker->progress() != "2 of 3" && !patience.passed();) {
    pollfd more{.fd = worker->events_fd(), .events = POLLIN, .revents = 0};
    ::poll(&more, 1, patience.poll_timeout());
    for (const RunEvent& event : worker->take_events()) events.push_back(text(event));
  }
  EXPECT_EQ(worker->progress(), "2 of 3");
  EXPECT_THAT(events, ElementsAre("start Runs"));
  EXPECT_EQ(worker->garbage(), "");
}

TEST(Supervisor, ShowsWhatACrashedWorkerPrinted) {
  const Outcome outcome = run({.jobs = {job([](const EventSink&) {
                                 static_cast<void>(!::write(STDERR_FILENO, "cannot go on\n", 13));
                                 ::_exit(9);
                                 return ExitStatus::kConformant;
                               })}});
  EXPECT_THAT(outcome.events, ElementsAre(HasSubstr("cannot go on")));
}

TEST(Supervisor, AnExceptionIsTheHarnessesFault) {
  const Outcome outcome =
      run({.jobs = {job([](const EventSink&) -> ExitStatus { throw std::runtime_error("oops"); })}});
  EXPECT_THAT(outcome.events, ElementsAre(AllOf(HasSubstr("worker ended with 4"), HasSubstr("oops"))));
}

TEST(Supervisor, RunsEveryJobWithFewAtOnce) {
  SupervisorSpec spec{.jobs = {}, .at_once = 2};
  for (int number = 0; number < 7; ++number) {
    spec.jobs.push_back(job(
        [number](const EventSink& sink) {
          sink(WorkerEnded{number, ExitStatus::kConformant, std::to_string(number)});
          return ExitStatus::kConformant;
        },
        number));
  }
  EXPECT_THAT(run(spec).events, SizeIs(7));
}

TEST(Supervisor, StopsAWorkerThatPassesTheDeadlineOfTheRun) {
  const Outcome outcome = run({.jobs = {job([](const EventSink& sink) -> ExitStatus {
                                          sink(case_started(0, "Hangs"));
                                          hang();
                                        }),
                                        job([](const EventSink&) { return ExitStatus::kConformant; }, 1)},
                               .at_once = 1,
                               .deadline = std::chrono::milliseconds(50)});
  EXPECT_TRUE(outcome.supervision.deadline_passed);
  EXPECT_THAT(outcome.events, ElementsAre("start Hangs", "error Hangs: the run's deadline of 0.05 s passed",
                                          HasSubstr("worker ended with 124: the run's deadline of 0.05 s passed"),
                                          HasSubstr("worker ended with 124: not started")));
}

TEST(Supervisor, KillsAWorkerThatDoesNotStopInTime) {
  const Outcome outcome = run({.jobs = {job([](const EventSink& sink) -> ExitStatus {
                                 ::signal(SIGTERM, SIG_IGN);
                                 sink(case_started(0, "Hangs"));
                                 hang();
                               })},
                               .at_once = 1,
                               .deadline = std::chrono::milliseconds(50),
                               .stop_grace = std::chrono::milliseconds(50)});
  EXPECT_THAT(outcome.events, Contains("error Hangs: the run's deadline of 0.05 s passed"));
}

TEST(Supervisor, OneInterruptStopsWorkersAndReportsIt) {
  const pid_t supervisor = ::getpid();
  const Outcome outcome = run({.jobs = {job([supervisor](const EventSink& sink) -> ExitStatus {
                                 sink(case_started(0, "Hangs"));
                                 ::kill(supervisor, SIGINT);
                                 hang();
                               })}});
  EXPECT_TRUE(outcome.supervision.interrupted);
  EXPECT_THAT(outcome.events,
              ElementsAre("start Hangs", "error Hangs: interrupted", HasSubstr("worker ended with 130")));
}

TEST(Supervisor, ASecondInterruptKillsAtOnce) {
  const pid_t supervisor = ::getpid();
  const Outcome outcome = run({.jobs = {job([supervisor](const EventSink& sink) -> ExitStatus {
                                 struct sigaction again {};
                                 again.sa_handler = [](int) { ::kill(::getppid(), SIGINT); };
                                 ::sigaction(SIGTERM, &again, nullptr);
                                 sink(case_started(0, "Hangs"));
                                 ::kill(supervisor, SIGINT);
                                 hang();
                               })}});
  EXPECT_THAT(outcome.events, Contains("error Hangs: interrupted"));
}

TEST(Supervisor, WorkersDieWithIt) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t supervisor = ::fork();
  ASSERT_GE(supervisor, 0);
  if (supervisor == 0) {
    const auto body = [&ends](const EventSink&) -> ExitStatus {
      static_cast<void>(!::write(ends[1], "x", 1));
      hang();
    };
    run({.jobs = {job(body)}});
    ::_exit(0);
  }
  ::close(ends[1]);
  char byte = 0;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);
  ::kill(supervisor, SIGKILL);
  ::waitpid(supervisor, nullptr, 0);
  EXPECT_EQ(::read(ends[0], &byte, 1), 0)
      << "a worker still holds the pipe";  // end of file once the worker is gone, too
  ::close(ends[0]);
}

TEST(Supervisor, WaitsForWhatAWorkerLeavesBehind) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  const Outcome outcome = run({.jobs = {job([&ends](const EventSink& sink) {
                                 int life[2];
                                 if (::pipe(life) != 0) return ExitStatus::kHarnessBroke;
                                 if (::fork() == 0) {  // as an agent that outlives its worker for a moment
                                   ::close(life[1]);
                                   char none = 0;
                                   static_cast<void>(!::read(life[0], &none, 1));  // until the worker is gone
                                   static_cast<void>(!::write(ends[1], "x", 1));
                                   ::_exit(0);
                                 }
                                 sink(WorkerEnded{0, ExitStatus::kConformant, ""});
                                 return ExitStatus::kConformant;
                               })}});
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 1);
  EXPECT_FALSE(outcome.supervision.lab_left);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace netns_lab::cli
