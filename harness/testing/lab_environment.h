// GoogleTest's environment for a worker: opens the lab, has the target build the scenario once, and takes the one
// snapshot on which claims that change nothing are judged. It never skips and never fails by itself (GoogleTest would
// report nothing, FACTS): what went wrong is kept, and every case tells it.
#pragma once

#include <gtest/gtest.h>

#include <any>
#include <cstdint>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "harness/conformance/declaration.h"
#include "harness/testing/across.h"
#include "harness/testing/subject.h"
#include "harness/testing/worker_context.h"

namespace netns_lab {

// LabEnvironment::unfit.
std::string why_unfit(const protocol::HelloReply& node, Family family);
// The same for what the scenario is made of.
std::string why_unfit(const protocol::HelloReply& node, const Scenario& scenario);

class LabEnvironment : public ::testing::Environment {
 public:
  explicit LabEnvironment(WorkerContext& context);
  void SetUp() override;
  void TearDown() override;

  const std::optional<Error>& set_up_error() const { return set_up_error_; }
  // Why nothing can be judged on this node, which nobody is to blame for ("… has no IPv6 address …"): every case is
  // then skipped. "" when it can.
  const std::string& unfit() const { return unfit_; }
  Subject& subject() { return *subject_; }  // only without set_up_error, and when unfit() is empty
  const Declaration& declared(std::size_t node = 0) const { return declared_.at(node); }

  // One echo, one exchange, on a node (0: the first). Those announced beforehand are done together, the first time one
  // of them is asked for. A server that cannot be opened for a reason that lies in the subject (no such address there)
  // is in the report.
  Result<EchoReport> ping(const EchoSpec& spec, std::size_t node = 0);
  Result<ExchangeReport> talk(const Talk& talk, std::size_t node = 0);
  void plan(std::vector<EchoSpec> echoes, std::vector<Talk> talks, std::size_t node = 0);
  // The same from one node to another.
  Result<EchoReport> ping(const EchoAcross& echo);
  Result<ExchangeReport> talk(const TalkAcross& talk);
  void plan_across(std::vector<EchoAcross> echoes, std::vector<TalkAcross> talks);

  // A node for claims that change the network: in a sandbox lab a private sandbox of its own, elsewhere this one. It is
  // shared by the cases that ask for it, in their order; one that leaves it spoilt says so. Where all cases run it was
  // prepared beside the first one: built, and its tear-down begun, so that the kernel's work on it is done by the time
  // it is looked at.
  Result<Subject*> fresh_subject();
  void spoil_fresh_subject();

  // What the target printed while it built and said that all went well: the last of it; "" nothing. A script that goes
  // on when a step fails says only there what was wrong.
  std::string printed();

  // What a suite's cases keep for each other (ConformanceTest::kept); a repeated run begins without.
  std::any& kept() { return kept_; }
  // Whether this is the first time that it is told, in this run, why something failed.
  bool tells_first(const std::string& why) { return told_.insert(why).second; }

 private:
  Result<void> set_up();
  std::uint64_t descriptors_needed() const;  // of a node; 0: a few
  bool has_fresh_lab() const;
  LabSpec lab_spec() const;
  LabSpec fresh_spec();
  SubjectPlan subject_plan() const;
  SubjectPlan fresh_plan() const;
  void start_fresh_lab();
  Result<std::vector<ExchangeReport>> do_talks(const std::vector<Talk>& talks, std::size_t node);
  void note_lateness();
  void note_failed_build();
  Result<void> tear_down();

  WorkerContext& context_;
  std::vector<Declaration> declared_;  // of each node
  std::optional<Error> set_up_error_;
  std::string unfit_;
  std::optional<Subject> subject_;
  std::any kept_;
  std::set<std::string> told_;
  std::future<Result<Subject>> fresh_starting_;  // a thread of its own, which touches nothing else
  std::optional<Subject> fresh_;
  int fresh_labs_ = 0;  // so far
  template <typename Asked, typename Report>
  struct Planned {  // reports: none, or one for each that is asked
    std::vector<Asked> asked;
    std::vector<Report> reports;
  };
  std::map<std::size_t, Planned<EchoSpec, EchoReport>> echoes_;  // by node
  std::map<std::size_t, Planned<Talk, ExchangeReport>> talks_;
  Planned<EchoAcross, EchoReport> echoes_across_;
  Planned<TalkAcross, ExchangeReport> talks_across_;
};

}  // namespace netns_lab
