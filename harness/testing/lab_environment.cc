#include "harness/testing/lab_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "harness/base/descriptor_limit.h"
#include "harness/base/text.h"

namespace netns_lab {
namespace {

constexpr std::chrono::seconds kOpenLimit{20};

// Names that tests may use beside the scenario's own (docs/scenarios).
const std::vector<std::string> kTestNamespaces = {"netns-lab-third0", "netns-lab-third1"};
const std::vector<std::string> kTestLinks = {"nl-third0", "nl-third1"};
constexpr std::array kTestSubnets = {"198.18.200.0/29", "2001:db8:200::/63"};

Result<void> rehearse(Subject& subject) {
  NETNS_LAB_TRY(subject.build(Look::kLinks));
  return subject.begin_tear_down();
}

Result<Subject> open_fresh(const LabSpec& spec, const LabServices& services, SubjectPlan plan) {
  NETNS_LAB_ASSIGN(Lab lab, Lab::open(spec, services, Deadline::after(kOpenLimit)));
  return Subject::prepare(std::move(lab), std::move(plan));
}

Result<Subject> open_and_rehearse(const LabSpec& spec, const LabServices& services, SubjectPlan plan) {
  NETNS_LAB_ASSIGN(Subject subject, open_fresh(spec, services, std::move(plan)));
  if (subject.target().is_builtin()) NETNS_LAB_TRY(rehearse(subject));
  return subject;
}

}  // namespace

std::string why_unfit(const protocol::HelloReply& node, Family family) {
  const bool has_address = std::any_of(
      node.uplink_addresses.begin(), node.uplink_addresses.end(),
      [family](const Prefix& prefix) { return prefix.address.family() == family && !prefix.address.is_link_local(); });
  if (has_address) return "";
  return fmt::format("node {} has no {} address on its uplink, so that a container has nothing to reach", node.node,
                     to_string(family));
}

std::string why_unfit(const protocol::HelloReply& node, const Scenario& scenario) {
  for (const std::string& option : scenario.kernel_options) {
    const auto lacking = std::find_if(node.lost.begin(), node.lost.end(), [&option](const std::string& line) {
      return line.ends_with("(" + option + ")");
    });
    if (lacking == node.lost.end()) continue;
    return fmt::format("{}, which {} is made of", *lacking, scenario.name);
  }
  return "";
}

namespace {

bool has_source(const protocol::HelloReply& node) {
  return std::ranges::any_of(node.uplink_addresses,
                             [](const Prefix& prefix) { return !prefix.address.is_link_local(); });
}

// Of what a topology's changes are made of: the option of the kernel's configuration; "" of what every node has.
std::string option_of(const Change& change) {
  if (std::holds_alternative<CreateVxlan>(change)) return "CONFIG_VXLAN";
  return std::holds_alternative<CreateTunRelay>(change) ? "CONFIG_TUN" : "";
}

// why_unfit for what these parameters ask for.
std::string why_unfit_for(const protocol::HelloReply& node, const Scenario& scenario, const Topology& topology) {
  Scenario asked;
  asked.name = scenario.name;
  for (const Change& change : topology.build) {
    if (const std::string option = option_of(change); !option.empty()) asked.kernel_options.push_back(option);
  }
  return why_unfit(node, asked);
}

}  // namespace

LabEnvironment::LabEnvironment(WorkerContext& context) : context_(context) {
  for (const Topology& topology : context.topologies) declared_.push_back(declaration_of(topology));
  context_.environment = this;
}

void LabEnvironment::SetUp() {
  if (!context_.order.is_first_pass()) return;
  set_up_error_.reset();
  unfit_.clear();
  kept_.reset();
  for (auto& [node, planned] : echoes_) planned.reports.clear();
  for (auto& [node, planned] : talks_) planned.reports.clear();
  echoes_across_.reports.clear();
  talks_across_.reports.clear();
  const auto made = set_up();
  if (!made) {
    set_up_error_ = made.error();
    context_.set_up_failed = true;
  }
}

Result<void> LabEnvironment::set_up() {
  // A filter may leave out all that needs a fresh node: then it is made when it is asked for.
  const bool in_parts = context_.spec.scenario->looked_at_in_parts;
  if (has_fresh_lab() && context_.spec.filter.empty() && !in_parts) start_fresh_lab();
  const std::uint64_t descriptors = descriptors_needed();
  // What is forked from here has the same limit.
  const bool is_forked = context_.spec.lab.name.empty() && !is_virtual_machine(context_.spec.lab.provider);
  if (is_forked)
    NETNS_LAB_TRY(check_descriptors(raise_descriptor_limit(descriptors), descriptors, "this machine", false));
  NETNS_LAB_ASSIGN(Lab lab, Lab::open(lab_spec(), context_.services, Deadline::after(kOpenLimit)));
  NETNS_LAB_TRY(check_descriptors(lab.node().hello().descriptors, descriptors, lab.node().hello().node, true));
  // Of a node that we made it is our failure, and an error (ConformanceTest::uplink_address).
  // Where there is no address at all, the claim refuses the machine.
  if (context_.spec.lab.provider == Provider::kHost && has_source(lab.node().hello())) {
    unfit_ = why_unfit(lab.node().hello(), context_.spec.family);
  }
  if (unfit_.empty()) unfit_ = why_unfit(lab.node().hello(), *context_.spec.scenario);
  if (unfit_.empty()) unfit_ = why_unfit_for(lab.node().hello(), *context_.spec.scenario, context_.topologies.front());
  if (!unfit_.empty()) return {};
  NETNS_LAB_ASSIGN(subject_, Subject::prepare(std::move(lab), subject_plan()));
  NETNS_LAB_TRY(subject_->begin_build());
  // Before the snapshot, the slowest step of all: the kernel works on the tear-down meanwhile. A stranger's target that
  // failed once is not made to fail (or hang) again before anybody asks; the built-in one was rehearsed already.
  if (fresh_starting_.valid() && subject_->succeeded() && !context_.spec.target->is_builtin()) {
    NETNS_LAB_ASSIGN(fresh_, fresh_starting_.get());
    NETNS_LAB_TRY(rehearse(*fresh_));
  }
  return subject_->finish_build(in_parts ? Look::kOwn : Look::kEverything);
}

std::uint64_t LabEnvironment::descriptors_needed() const {
  const Scenario& scenario = *context_.spec.scenario;
  return scenario.descriptors ? scenario.descriptors(context_.topologies.front()) : 0;
}

// In a virtual machine labs are sandboxes, too.
bool LabEnvironment::has_fresh_lab() const {
  const Provider provider = context_.spec.lab.provider;
  return provider == Provider::kSandbox || is_virtual_machine(provider);
}

LabSpec LabEnvironment::lab_spec() const {
  LabSpec spec = context_.spec.lab;
  spec.commands = context_.spec.scenario->tests_run_commands || !context_.spec.target->is_builtin();
  return spec;
}

LabSpec LabEnvironment::fresh_spec() {
  LabSpec spec = lab_spec();
  // Of as many nodes as the standing one: by their number the nodes' addresses differ.
  if (!spec.name.empty()) {
    spec.nodes = std::max(spec.nodes, nodes_of_named(spec.name));
    if (!spec.underlay) spec.underlay = underlay_of_named(spec.name);
  }
  spec.machine = std::exchange(spec.name, "");
  spec.segment += 1 + fresh_labs_++ % (kMostFreshLabs - 1);
  return spec;
}

SubjectPlan LabEnvironment::fresh_plan() const {
  SubjectPlan plan = subject_plan();
  plan.bystanders = true;
  plan.all_sysctls = false;  // the first build is held to all of them
  return plan;
}

SubjectPlan LabEnvironment::subject_plan() const {
  SubjectPlan plan;
  plan.target = context_.spec.target;
  plan.task.scenario = context_.spec.scenario->name;
  plan.task.parameters = context_.spec.parameters;
  plan.task.family = context_.spec.family;
  plan.task.topology = context_.topologies.front();
  plan.further_nodes.assign(context_.topologies.begin() + 1, context_.topologies.end());
  plan.task.step_limit = context_.spec.step_limit;
  plan.task.told = context_.show_progress;
  plan.more_namespaces = kTestNamespaces;
  plan.more_links = kTestLinks;
  for (const char* const subnet : kTestSubnets) plan.more_subnets.push_back(Prefix::parse(subnet).value());
  return plan;
}

void LabEnvironment::start_fresh_lab() {
  fresh_starting_ =
      std::async(std::launch::async, [spec = fresh_spec(), services = context_.services, plan = fresh_plan()] {
        return open_and_rehearse(spec, services, plan);
      });
}

Result<Subject*> LabEnvironment::fresh_subject() {
  if (fresh_) return &*fresh_;
  if (!has_fresh_lab()) return &*subject_;
  if (fresh_starting_.valid()) {
    NETNS_LAB_ASSIGN(fresh_, fresh_starting_.get());
  } else {
    NETNS_LAB_ASSIGN(fresh_, open_fresh(fresh_spec(), context_.services, fresh_plan()));
  }
  return &*fresh_;
}

void LabEnvironment::spoil_fresh_subject() {
  note_lateness();
  fresh_.reset();
}

void LabEnvironment::note_lateness() {
  for (const auto* subject : {&subject_, &fresh_}) {
    if (*subject) context_.kernel_late = std::max(context_.kernel_late, (*subject)->late());
  }
}

void LabEnvironment::plan(std::vector<EchoSpec> echoes, std::vector<Talk> talks, std::size_t node) {
  echoes_[node].asked = std::move(echoes);
  talks_[node].asked = std::move(talks);
}

void LabEnvironment::plan_across(std::vector<EchoAcross> echoes, std::vector<TalkAcross> talks) {
  echoes_across_.asked = std::move(echoes);
  talks_across_.asked = std::move(talks);
}

Result<EchoReport> LabEnvironment::ping(const EchoSpec& spec, std::size_t node) {
  auto& [asked, reports] = echoes_[node];
  const auto planned = std::find(asked.begin(), asked.end(), spec);
  if (planned == asked.end()) return subject_->node(node).ping(spec);
  if (reports.empty()) {
    protocol::ProbeRequest request;
    request.echoes = asked;
    NETNS_LAB_ASSIGN(protocol::ProbeReply reply, subject_->node(node).probe(std::move(request)));
    if (reply.echoes.size() != asked.size()) {
      return tl::unexpected(Error::internal("probe", "the node answered another number of echoes than was asked for"));
    }
    reports = std::move(reply.echoes);
  }
  return reports[static_cast<std::size_t>(planned - asked.begin())];
}

Result<ExchangeReport> LabEnvironment::talk(const Talk& talk, std::size_t node) {
  auto& [asked, reports] = talks_[node];
  const auto planned = std::find(asked.begin(), asked.end(), talk);
  if (planned == asked.end()) {
    NETNS_LAB_ASSIGN(const std::vector<ExchangeReport> alone, do_talks({talk}, node));
    return alone.front();
  }
  if (reports.empty()) {
    NETNS_LAB_ASSIGN(reports, do_talks(asked, node));
  }
  return reports[static_cast<std::size_t>(planned - asked.begin())];
}

Result<EchoReport> LabEnvironment::ping(const EchoAcross& echo) {
  auto& [asked, reports] = echoes_across_;
  const auto planned = std::find(asked.begin(), asked.end(), echo);
  if (planned == asked.end()) {
    NETNS_LAB_ASSIGN(const std::vector<EchoReport> alone, ping_across(*subject_, {echo}));
    return alone.front();
  }
  if (reports.empty()) {
    NETNS_LAB_ASSIGN(reports, ping_across(*subject_, asked));
  }
  return reports[static_cast<std::size_t>(planned - asked.begin())];
}

Result<ExchangeReport> LabEnvironment::talk(const TalkAcross& talk) {
  auto& [asked, reports] = talks_across_;
  const auto planned = std::find(asked.begin(), asked.end(), talk);
  if (planned == asked.end()) {
    NETNS_LAB_ASSIGN(const std::vector<ExchangeReport> alone, talk_across(*subject_, {talk}));
    return alone.front();
  }
  if (reports.empty()) {
    NETNS_LAB_ASSIGN(reports, talk_across(*subject_, asked));
  }
  return reports[static_cast<std::size_t>(planned - asked.begin())];
}

Result<std::vector<ExchangeReport>> LabEnvironment::do_talks(const std::vector<Talk>& talks, std::size_t node_index) {
  Node& node = subject_->node(node_index);
  std::vector<ExchangeReport> reports(talks.size());
  std::vector<std::size_t> asked;
  std::vector<protocol::Handle> servers;
  protocol::ProbeRequest request;
  for (std::size_t i = 0; i < talks.size(); ++i) {
    reports[i].spec = talks[i].client;
    const auto server = node.serve(talks[i].server);
    if (!server) {
      if (!server_lies_in_the_subject(server.error())) return tl::unexpected(server.error());
      reports[i].system_errno = server.error().system_errno;
      const std::string& where = talks[i].server.network_namespace;
      reports[i].unserved_in = subject_->nodes() > 1 ? place_on(node.hello().node, where)
                               : where.empty()       ? "the node"
                                                     : where;
      continue;
    }
    servers.push_back(server->handle);
    asked.push_back(i);
    request.exchanges.push_back(talks[i].client);
    request.exchanges.back().port = server->port;
  }
  if (asked.empty()) return reports;
  NETNS_LAB_ASSIGN(protocol::ProbeReply reply, node.probe(std::move(request)));
  for (const protocol::Handle server : servers) NETNS_LAB_TRY(node.close(server));
  if (reply.exchanges.size() != asked.size()) {
    return tl::unexpected(Error::internal("probe", "the node answered another number of exchanges than was asked for"));
  }
  for (std::size_t i = 0; i < asked.size(); ++i) reports[asked[i]] = std::move(reply.exchanges[i]);
  return reports;
}

std::string LabEnvironment::printed() {
  constexpr std::size_t kLines = 4;
  constexpr std::size_t kLongest = 600;
  if (!subject_ || subject_->builds() == 0) return "";
  std::string printed;
  for (std::size_t node = 0; node < subject_->nodes(); ++node) {
    const TargetOutcome& outcome = subject_->outcome(node);
    if (!outcome.succeeded) return "";  // it is told with that
    const std::string words = last_words(outcome.output, kLines, kLongest);
    if (words.empty()) continue;
    if (!printed.empty()) printed += "; ";
    printed += subject_->nodes() > 1 ? fmt::format("on {}: {}", subject_->node(node).hello().node, words) : words;
  }
  return printed;
}

void LabEnvironment::TearDown() {
  if (!context_.order.is_last_pass()) return;
  const auto done = tear_down();
  if (!done && !set_up_error_ && !context_.worst_lab_error) context_.worst_lab_error = done.error();
  if (fresh_starting_.valid()) static_cast<void>(fresh_starting_.get());
  note_lateness();
  note_failed_build();
  fresh_.reset();
  subject_.reset();
}

// Whoever filters may judge claims that hold of what a dead script leaves: of nothing.
void LabEnvironment::note_failed_build() {
  if (!subject_ || set_up_error_ || subject_->succeeded()) return;
  const std::string build = context_.build_requirement();
  if (context_.book.find(build) == nullptr || context_.book.verdict_of(build)) return;
  for (std::size_t node = 0; node < subject_->nodes(); ++node) {
    const TargetOutcome& outcome = subject_->outcome(node);
    if (outcome.succeeded) continue;
    add_once(context_.notes,
             fmt::format("the target did not report success, which {} is about and the filter left out: {}", build,
                         outcome.failure));
    return;
  }
}

Result<void> LabEnvironment::tear_down() {
  const bool goes_with_its_streams = has_fresh_lab() && context_.spec.lab.name.empty();
  if (!subject_ || subject_->state() == Subject::State::kEmpty || goes_with_its_streams) return {};
  if (context_.spec.keep_on_failure && context_.any_failed) {
    for (std::size_t node = 0; node < subject_->nodes(); ++node) {
      protocol::ClaimRequest keep;
      keep.namespaces = subject_->topology(node).namespaces;
      keep.links = subject_->topology(node).links;
      keep.nft_tables = nft_tables_of(subject_->topology(node));
      keep.keep = true;
      NETNS_LAB_TRY(subject_->node(node).claim(keep));
    }
    return {};
  }
  return subject_->tear_down();
}

}  // namespace netns_lab
