#include "harness/testing/fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <sstream>

#include "harness/testing/bystanders.h"
#include "harness/testing/lab_error.h"

namespace netns_lab {
namespace {

template <typename Report>
std::string text_of(const Report& report) {
  std::ostringstream text;
  text << report;
  return text.str();
}

}  // namespace

void PrintTo(const WorkerParameter& parameter, std::ostream* out) {
  *out << parameter.target << ", " << to_string(parameter.family);
}

std::string parameter_name(const ::testing::TestParamInfo<WorkerParameter>& info) {
  std::string name;
  for (const char c : info.param.target) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (plain || name.empty() || name.back() != '_') name += plain ? c : '_';
  }
  return name + "_" + to_string(info.param.family);
}

std::vector<WorkerParameter> parameters_for(const std::string& scenario) {
  const WorkerContext* context = WorkerContext::current();
  if (context == nullptr || context->spec.scenario->name != scenario) return {};
  return {
      WorkerParameter{context->spec.target == nullptr ? "none" : context->spec.target->name(), context->spec.family}};
}

WorkerContext& ConformanceTest::context() const {
  if (WorkerContext::current() == nullptr) throw std::logic_error("ConformanceTest runs only in run_worker");
  return *WorkerContext::current();
}

LabEnvironment& ConformanceTest::environment() const { return *context().environment; }

void ConformanceTest::SetUp() {
  CaseRecord& record = *context().running;
  if (context().order.is_done(record.name)) {
    record.deselected = true;
    GTEST_SKIP() << "judged in an earlier pass";
  }
  // Where the filter names ids, only a case that has named a requirement knows whether it is wanted at all.
  if (!context().selection.names_ids()) demand_lab();
}

bool ConformanceTest::can_be_judged() const {
  return !context().running->deselected && !environment().set_up_error() && environment().unfit().empty();
}

void ConformanceTest::demand_lab() const {
  if (environment().set_up_error()) context().lab_failed(*environment().set_up_error());
}

Family ConformanceTest::family() const { return context().spec.family; }
const Parameters& ConformanceTest::parameters() const { return context().spec.parameters; }
const Topology& ConformanceTest::topology() const { return context().topologies.at(looked_at_); }
const Declaration& ConformanceTest::declared() const { return environment().declared(looked_at_); }

const std::vector<Topology>& ConformanceTest::topologies() const { return context().topologies; }
std::size_t ConformanceTest::nodes() const { return context().topologies.size(); }
std::string ConformanceTest::node_name(std::size_t index) const { return environment().subject().hello(index).node; }

void ConformanceTest::on_each_node(const std::function<void()>& judge) {
  for (looked_at_ = 0; looked_at_ < nodes(); ++looked_at_) {
    if (nodes() == 1) {
      judge();
    } else {
      SCOPED_TRACE("on " + node_name(looked_at_));
      judge();
    }
  }
  looked_at_ = 0;
}

const TargetOutcome& ConformanceTest::build_outcome() {
  note_observation();
  return environment().subject().outcome(looked_at_);
}

bool ConformanceTest::is_told_that_build_failed() const {
  const auto told = context().book.verdict_of(context().build_requirement());
  return told == Verdict::kFail || told == Verdict::kKnownFailure;
}

const Snapshot& ConformanceTest::before() { return environment().subject().before(looked_at_); }

const Snapshot& ConformanceTest::after() {
  note_observation();
  return environment().subject().after(looked_at_);
}

const NamespaceState* ConformanceTest::state(const std::string& network_namespace) {
  return after().find_namespace(network_namespace);
}

const Link* ConformanceTest::link(const std::string& network_namespace, const std::string& name) {
  const NamespaceState* found = state(network_namespace);
  return found == nullptr ? nullptr : found->find_link(name);
}

IpAddress ConformanceTest::uplink_address() {
  if (topology().node_address) return *topology().node_address;
  for (const Prefix& prefix : environment().subject().hello(looked_at_).uplink_addresses) {
    if (prefix.address.family() == family() && !prefix.address.is_link_local()) return prefix.address;
  }
  lab_failed(Error::missing(fmt::format("an {} address on the node's uplink", to_string(family())),
                            "there is none, so that the container has nothing to reach"));
}

Node& ConformanceTest::node() { return environment().subject().node(looked_at_); }

RouteAnswer ConformanceTest::lookup(const RouteQuery& query) {
  const std::string& asked = query.network_namespace;
  if (asked.empty() || state(asked) != nullptr) return value(node().lookup(query));
  // There is no kernel to be asked, and that is the target's doing.
  note_observation();
  RouteAnswer answer;
  answer.system_errno = ENOENT;
  answer.kernel_text = fmt::format("there is no namespace {}", asked);
  return answer;
}

EchoReport ConformanceTest::ping(const EchoSpec& spec) {
  EchoReport report = value(environment().ping(spec, looked_at_));
  check_capture(report.capture_drops);
  note_slow(report);
  attach([report] { return text_of(report); });
  return report;
}

EchoReport ConformanceTest::ping_on(Subject& subject, const EchoSpec& spec) {
  return ping_on(subject, std::vector{spec}).front();
}

std::vector<EchoReport> ConformanceTest::ping_on(Subject& subject, std::vector<EchoSpec> specs) {
  protocol::ProbeRequest request;
  request.echoes = std::move(specs);
  const std::size_t asked = request.echoes.size();
  std::vector<EchoReport> reports = value(subject.node().probe(std::move(request))).echoes;
  if (reports.size() != asked) {
    lab_failed(Error::internal("probe", "the node answered another number of echoes than was asked for"));
  }
  for (const EchoReport& report : reports) {
    check_capture(report.capture_drops);
    note_slow(report);
    attach([report] { return text_of(report); });
  }
  return reports;
}

void ConformanceTest::no_more_probes(Subject& subject) {
  for (std::size_t node = 0; node < subject.nodes(); ++node) {
    protocol::ProbeRequest request;
    request.last = true;
    value(subject.node(node).probe(std::move(request)));
  }
}

std::string ConformanceTest::others_beside(const Subject& subject) {
  if (!subject.has_bystanders()) return "";
  return fmt::format(
      "\nOn this node others have something, too, as on any machine: namespace {}, link {}, an nftables "
      "table. A target leaves it alone, and works beside it.",
      kBystanderNamespace, kBystanderLink);
}

bool ConformanceTest::on_this_machine() const { return context().spec.lab.provider == Provider::kHost; }

void ConformanceTest::note_slow(const EchoReport& report) {
  const auto slow = static_cast<std::size_t>(
      std::count_if(report.echoes.begin(), report.echoes.end(), [](const Echo& echo) { return echo.slow; }));
  if (slow == 0) return;
  context().slow_replies += slow;
  context().longest_starved = std::max(context().longest_starved, report.starved);
}

void ConformanceTest::check_capture(std::uint64_t drops) {
  if (drops == 0) return;
  lab_failed(Error::internal(
      "capture", fmt::format("the kernel dropped {} packets of the capture: what arrived cannot be told", drops)));
}

ExchangeReport ConformanceTest::talk(const Talk& talk) {
  ExchangeReport report = value(environment().talk(talk, looked_at_));
  check_capture(report.capture_drops);
  attach([report] { return text_of(report); });
  return report;
}

void ConformanceTest::plan(std::vector<EchoSpec> echoes, std::vector<Talk> talks) {
  environment().plan(std::move(echoes), std::move(talks), looked_at_);
}

EchoReport ConformanceTest::ping(const EchoAcross& echo) {
  EchoReport report = value(environment().ping(echo));
  check_capture(report.capture_drops);
  note_slow(report);
  attach([report] { return text_of(report); });
  return report;
}

ExchangeReport ConformanceTest::talk(const TalkAcross& talk) {
  ExchangeReport report = value(environment().talk(talk));
  check_capture(report.capture_drops);
  attach([report] { return text_of(report); });
  return report;
}

std::vector<EchoReport> ConformanceTest::ping_across_on(Subject& subject, const std::vector<EchoAcross>& echoes) {
  std::vector<EchoReport> reports = value(ping_across(subject, echoes));
  for (const EchoReport& report : reports) {
    check_capture(report.capture_drops);
    note_slow(report);
    attach([report] { return text_of(report); });
  }
  return reports;
}

void ConformanceTest::plan_across(std::vector<EchoAcross> echoes, std::vector<TalkAcross> talks) {
  environment().plan_across(std::move(echoes), std::move(talks));
}

std::string ConformanceTest::why(const std::vector<Node*>& nodes, Enquiry enquiry) {
  constexpr int kMost = 2;
  if (whys_told_ == kMost) return "";
  const auto findings = investigate(nodes, enquiry);
  // The verdict stands without it; that the lab is lost will be told by whatever is asked next.
  if (!findings) return "";
  const std::string text = why_text(*findings);
  if (text.empty()) return "";
  // A cause that an earlier claim has told is this one's as well: nothing more is sent to find another.
  whys_told_ = environment().tells_first(text) ? whys_told_ + 1 : kMost;
  attach([evidence = findings->evidence] {
    std::string lines = "the way, walked once more:\n";
    for (const WalkedPoint& point : walked(evidence)) lines += "  " + to_string(point) + "\n";
    return lines;
  });
  return "\nWhy: " + text;
}

// All nodes and, where one of these two is it, the outside behind them.
std::vector<Node*> ConformanceTest::ends(std::size_t from, std::size_t to) {
  std::vector<Node*> all;
  for (std::size_t i = 0; i < nodes(); ++i) all.push_back(&environment().subject().node(i));
  if (from == kOutside || to == kOutside) all.push_back(value(environment().subject().outside()));
  return all;
}

std::size_t ConformanceTest::number_of(std::size_t node) const { return node == kOutside ? nodes() : node; }

std::string ConformanceTest::why(const EchoReport& report, const Way& way) {
  return why({&node()}, {.echo = report.spec, .wanted = way, .first = trace_of(report)});
}

std::string ConformanceTest::why_on(Subject& subject, const EchoReport& report) {
  return why({&subject.node()}, {.echo = report.spec, .first = trace_of(report)});
}

std::string ConformanceTest::why(const Talk& talk, const ExchangeReport& report, const Way& way) {
  return why({&node()}, {.talk = talk, .wanted = way, .first = trace_of(report)});
}

std::string ConformanceTest::why(const EchoAcross& echo, const EchoReport& report, const Way& way) {
  return why(ends(echo.from, echo.to), {.from = number_of(echo.from),
                                        .to = number_of(echo.to),
                                        .echo = echo.spec,
                                        .wanted = way,
                                        .first = trace_of(report)});
}

std::string ConformanceTest::why(const TalkAcross& talk, const ExchangeReport& report, const Way& way) {
  return why(ends(talk.from, talk.to), {.from = number_of(talk.from),
                                        .to = number_of(talk.to),
                                        .talk = talk.talk,
                                        .wanted = way,
                                        .first = trace_of(report)});
}

Subject& ConformanceTest::subject() { return environment().subject(); }
Subject& ConformanceTest::fresh_subject() { return *value(environment().fresh_subject()); }
void ConformanceTest::spoil_fresh_subject() { environment().spoil_fresh_subject(); }

void ConformanceTest::lab_failed(Error error) { context().lab_failed(std::move(error)); }

void ConformanceTest::note_observation() {
  if (context().running) ++context().running->observations;
}

void ConformanceTest::tell_of_others(const std::string& change) { add_once(context().untied, change); }

void ConformanceTest::tell(const std::string& note) { add_once(context().notes, note); }

void ConformanceTest::show_progress(const std::string& text) { context().show_progress(text); }

void ConformanceTest::attach(std::function<std::string()> evidence) {
  if (context().running) context().running->evidence.push_back(std::move(evidence));
}

std::optional<std::string> ConformanceTest::begin_requirement(const std::string& id) {
  WorkerContext& worker = context();
  const Requirement* requirement = worker.book.find(id);
  if (requirement == nullptr)
    lab_failed(Error::internal("REQUIREMENT(\"" + id + "\")",
                               "there is no such requirement in the catalogue of " + worker.spec.scenario->name));
  CaseRecord& record = *worker.running;
  record.requirements.push_back(id);
  if (!record.level || requirement->level < *record.level) record.level = requirement->level;
  if (!worker.selection.takes(record.suite, record.name, id)) {
    record.deselected = true;
    return "left out by the filter";
  }
  if (worker.order.must_wait(record.name, id)) {
    record.put_off = true;
    return "put off until what it rests on is judged";
  }
  worker.announce_running();
  demand_lab();
  if (!environment().unfit().empty()) return environment().unfit();
  return worker.book.obstacle(id);
}

}  // namespace netns_lab
