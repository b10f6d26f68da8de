#include "harness/testing/lab_environment.h"

#include <algorithm>
#include <utility>

namespace netns_lab {
namespace {

constexpr std::chrono::seconds kOpenLimit{20};

// Names that tests may use beside the scenario's own (docs/scenarios): kept short enough for IFNAMSIZ.
const std::vector<std::string> kTestNamespaces = {"netns-lab-third0", "netns-lab-third1"};
const std::vector<std::string> kTestLinks = {"nl-third0", "nl-third1"};

}  // namespace

LabEnvironment::LabEnvironment(WorkerContext& context)
    : context_(context), declared_(declaration_of(context.topology)) {
  context_.environment = this;
}

void LabEnvironment::SetUp() {
  set_up_error_.reset();
  reports_.clear();
  const auto made = set_up();
  if (!made) set_up_error_ = made.error();
}

Result<void> LabEnvironment::set_up() {
  NETNS_LAB_ASSIGN(Lab lab, Lab::open(context_.spec.lab, context_.services, Deadline::after(kOpenLimit)));
  start_fresh_lab();
  NETNS_LAB_ASSIGN(subject_, prepare(std::move(lab)));
  return subject_->build();
}

Result<Subject> LabEnvironment::prepare(Lab lab) {
  SubjectPlan plan;
  plan.target = context_.spec.target;
  plan.task.scenario = context_.spec.scenario->name;
  plan.task.parameters = context_.spec.parameters;
  plan.task.family = context_.spec.family;
  plan.task.topology = context_.topology;
  plan.task.step_limit = context_.spec.step_limit;
  plan.more_namespaces = kTestNamespaces;
  plan.more_links = kTestLinks;
  return Subject::prepare(std::move(lab), std::move(plan));
}

Result<EchoReport> LabEnvironment::ping(const EchoSpec& spec) {
  const auto planned = std::find(planned_.begin(), planned_.end(), spec);
  if (planned == planned_.end()) return subject_->node().ping(spec);
  if (reports_.empty()) {
    protocol::ProbeRequest request;
    request.echoes = planned_;
    NETNS_LAB_ASSIGN(protocol::ProbeReply reply, subject_->node().probe(std::move(request)));
    if (reply.echoes.size() != planned_.size())
      return tl::unexpected(Error::internal("probe", "the node answered another number of echoes than was asked for"));
    reports_ = std::move(reply.echoes);
  }
  return reports_[static_cast<std::size_t>(planned - planned_.begin())];
}

void LabEnvironment::start_fresh_lab() {
  if (context_.spec.lab.provider != Provider::kSandbox || fresh_streams_) return;
  LabSpec spec = context_.spec.lab;
  spec.name.clear();
  auto streams = context_.services.start_private(spec);
  if (streams) fresh_streams_ = std::move(*streams);  // otherwise whoever needs it tries again and tells
}

Result<Subject*> LabEnvironment::fresh_subject() {
  if (fresh_) return &*fresh_;
  if (context_.spec.lab.provider != Provider::kSandbox) return &*subject_;
  LabSpec spec = context_.spec.lab;
  spec.name.clear();
  LabServices services = context_.services;
  if (fresh_streams_) {
    services.start_private = [this](const LabSpec&) -> Result<AgentStreams> {
      return *std::exchange(fresh_streams_, std::nullopt);
    };
  }
  NETNS_LAB_ASSIGN(Lab lab, Lab::open(spec, services, Deadline::after(kOpenLimit)));
  NETNS_LAB_ASSIGN(fresh_, prepare(std::move(lab)));
  return &*fresh_;
}

void LabEnvironment::spoil_fresh_subject() { fresh_.reset(); }

void LabEnvironment::TearDown() {
  const auto done = tear_down();
  if (!done && !set_up_error_ && !context_.worst_lab_error) context_.worst_lab_error = done.error();
  fresh_.reset();
  fresh_streams_.reset();
  subject_.reset();
}

Result<void> LabEnvironment::tear_down() {
  // A private lab goes with its streams.
  if (!subject_ || !subject_->is_built() || context_.spec.lab.name.empty()) return {};
  if (context_.spec.keep_on_failure && context_.any_failed) {
    protocol::ClaimRequest keep;
    keep.namespaces = context_.topology.namespaces;
    keep.links = context_.topology.links;
    keep.keep = true;
    return subject_->node().claim(keep);
  }
  NETNS_LAB_TRY(subject_->tear_down());
  return {};
}

}  // namespace netns_lab
