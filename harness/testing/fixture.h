// The fixture of every suite.
//
//   class SingleNamespace : public ConformanceTest {};
//   NETNS_LAB_SUITE(SingleNamespace, "single-namespace");
//
//   TEST_P(SingleNamespace, HostReachesContainer) {
//     REQUIREMENT("single-namespace.host-to-container");
//     EXPECT_THAT(ping(...), EveryEchoAnswered(From(container_address()), Crossing(way()), PayloadIntact()));
//   }
//
// Whatever the lab cannot do throws LabError, which makes the case an `error`; what the subject does is a value to be
// judged.
#pragma once

#include <gtest/gtest.h>

#include <any>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "harness/conformance/declaration.h"
#include "harness/conformance/reachability.h"
#include "harness/testing/investigation.h"
#include "harness/testing/lab_environment.h"

namespace netns_lab {

// What a worker judges: the value parameter of every suite.
struct WorkerParameter {
  std::string target;
  Family family = Family::kIpv4;
};
void PrintTo(const WorkerParameter& parameter, std::ostream* out);                  // "native, IPv4"
std::string parameter_name(const ::testing::TestParamInfo<WorkerParameter>& info);  // "native_IPv4"
// The one parameter of this worker when its scenario is `scenario`, else none.
std::vector<WorkerParameter> parameters_for(const std::string& scenario);

class ConformanceTest : public ::testing::TestWithParam<WorkerParameter> {
 protected:
  void SetUp() override;
  // False when there is no subject: the lab could not be set up, or nothing can be judged on its node. A suite's SetUp
  // that asks for more than the topology looks here first; REQUIREMENT then ends the case as it must.
  bool can_be_judged() const;
  void demand_lab() const;  // ends the case as `error` when the lab could not be set up

  Family family() const;
  const Parameters& parameters() const;  // every one of the scenario has a value
  // What follows is of the node that is looked at: the first, but in `on_each_node`.
  const Topology& topology() const;
  const Declaration& declared() const;
  const TargetOutcome& build_outcome();
  // That the target did not report success has been told by the claim that is about it (SCENARIO.build).
  bool is_told_that_build_failed() const;
  const Snapshot& before();
  const Snapshot& after();
  // A namespace in after(); nullptr when it is not there. "" is the node's own.
  const NamespaceState* state(const std::string& network_namespace);
  const Link* link(const std::string& network_namespace, const std::string& name);
  // The node's uplink address of this family. Without one the case is an `error`: nothing can be told.
  IpAddress uplink_address();

  // Judges each node after the other; a failure tells which one it was, where there are several.
  void on_each_node(const std::function<void()>& judge);
  std::size_t nodes() const;  // of the scenario
  const std::vector<Topology>& topologies() const;
  std::size_t looked_at() const { return looked_at_; }
  std::string node_name(std::size_t index) const;  // "node-2"

  Node& node();
  RouteAnswer lookup(const RouteQuery& query);
  EchoReport ping(const EchoSpec& spec);
  EchoReport ping_on(Subject& subject, const EchoSpec& spec);  // now, never from what was planned
  std::vector<EchoReport> ping_on(Subject& subject,
                                  std::vector<EchoSpec> specs);  // all at once, seen to the last's end
  // The node is not probed again, or not soon: what it keeps open for that is closed in the background.
  void no_more_probes(Subject& subject);
  // Is the node this machine itself, so that what is set on it is set on the machine?
  bool on_this_machine() const;
  // For whoever reads why a target failed there: what others have on its nodes; "" nothing.
  static std::string others_beside(const Subject& subject);
  ExchangeReport talk(const Talk& talk);
  // Evidence that several cases share: it is gathered in one go when the first of them asks for a part of it.
  void plan(std::vector<EchoSpec> echoes, std::vector<Talk> talks);
  // From one node to another.
  EchoReport ping(const EchoAcross& echo);
  ExchangeReport talk(const TalkAcross& talk);
  std::vector<EchoReport> ping_across_on(Subject& subject, const std::vector<EchoAcross>& echoes);  // now
  void plan_across(std::vector<EchoAcross> echoes, std::vector<TalkAcross> talks);

  // Why a packet did not make it, on the node that is looked at or from one to another: "\nWhy: …", or "". It is sent
  // once more, and every kernel on its way is asked, so call it in the message of a failed expectation only. Told of
  // the first few failures of a case: the others have the same cause, and each takes its time.
  std::string why(const EchoReport& report, const Way& way);
  std::string why_on(Subject& subject, const EchoReport& report);  // by whatever way
  std::string why(const Talk& talk, const ExchangeReport& report, const Way& way);
  std::string why(const EchoAcross& echo, const EchoReport& report, const Way& way);
  std::string why(const TalkAcross& talk, const ExchangeReport& report, const Way& way);

  // The node with the network on it. A claim that adds to it comes after those that look at it as it was built.
  Subject& subject();
  // A node of its own for a claim that changes the network, with nothing built on it, or as the case before has left
  // it.
  Subject& fresh_subject();
  void spoil_fresh_subject();

  // The value of a Result, or the end of this case as `error`.
  template <typename T>
  T value(Result<T> result) {
    if (!result) lab_failed(std::move(result).error());
    note_observation();
    return *std::move(result);
  }
  void value(Result<void> result) {
    if (!result) lab_failed(std::move(result).error());
  }
  [[noreturn]] void lab_failed(Error error);
  void note_observation();
  void attach(std::function<std::string()> evidence);
  // A change of this machine that may be the target's or anybody's: told at the end, those of all cases together.
  void tell_of_others(const std::string& change);
  // Tells something of this machine at the end of the run, whatever the verdict: one line, without a full stop.
  void tell(const std::string& note);

  // Tells whoever waits how far a case is that takes seconds: "mesh: 312,000 of 999,000 pairs".
  void show_progress(const std::string& text);

  // What one case finds out for all of its suite: made when first asked for.
  template <typename T>
  T& kept(const std::function<T()>& make) {
    std::any& place = environment().kept();
    if (!place.has_value()) place = make();
    return std::any_cast<T&>(place);
  }

  // For REQUIREMENT: why the case is not judged; none when it is.
  std::optional<std::string> begin_requirement(const std::string& id);

 private:
  void check_capture(std::uint64_t drops);
  void note_slow(const EchoReport& report);
  std::string why(const std::vector<Node*>& nodes, Enquiry enquiry);
  std::vector<Node*> ends(std::size_t from, std::size_t to);
  std::size_t number_of(std::size_t node) const;  // among those
  WorkerContext& context() const;
  LabEnvironment& environment() const;

  std::size_t looked_at_ = 0;
  int whys_told_ = 0;
};

}  // namespace netns_lab

// Names the requirement that a case judges; first in its body. Skips when what it rests on failed. An id that is not in
// the catalogue is an `error`.
#define REQUIREMENT(id) \
  if (const auto netns_lab_obstacle = begin_requirement(id); netns_lab_obstacle) GTEST_SKIP() << *netns_lab_obstacle

// Makes a fixture's cases those of a scenario: they run in workers of that scenario, once, with the worker's target and
// family in their names.
#define NETNS_LAB_SUITE(fixture, scenario)                                                              \
  GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(fixture);                                               \
  INSTANTIATE_TEST_SUITE_P(Worker, fixture, ::testing::ValuesIn(::netns_lab::parameters_for(scenario)), \
                           ::netns_lab::parameter_name)
