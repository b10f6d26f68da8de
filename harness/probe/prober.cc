#include "harness/probe/prober.h"

#include "harness/probe/echo_run.h"
#include "harness/probe/exchange_run.h"

namespace netns_lab::probe {

struct Prober::Impl {
  explicit Impl(SocketFactory factory) : tools(std::move(factory)) {}
  ProbeTools tools;
};

Prober::Prober(SocketFactory factory) : impl_(std::make_unique<Impl>(std::move(factory))) {}
Prober::Prober(Prober&&) noexcept = default;
Prober& Prober::operator=(Prober&&) noexcept = default;
Prober::~Prober() = default;

Result<std::vector<EchoReport>> Prober::echo(std::span<const EchoSpec> specs, Cancel cancel) {
  return run_echoes(impl_->tools, specs, cancel);
}

Result<ExchangeReport> Prober::exchange(const ExchangeSpec& spec, Cancel cancel) {
  return run_exchange(impl_->tools, spec, cancel);
}

void Prober::release(const std::string& network_namespace) {
  if (!network_namespace.empty()) impl_->tools.captures.release(network_namespace);
}
void Prober::release_named() { impl_->tools.captures.release_named(); }
void Prober::release_all() { impl_->tools.captures.release_all(); }
bool Prober::wait_released(Deadline deadline) { return impl_->tools.captures.wait_released(deadline); }

}  // namespace netns_lab::probe
