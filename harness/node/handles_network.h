// What `serve` and `capture` open, as handles of a session.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "harness/netlink/nft_trace.h"
#include "harness/node/drop_trace.h"
#include "harness/node/handle.h"
#include "harness/probe/far_watch.h"
#include "harness/probe/socket_factory.h"

namespace netns_lab::node {

struct OpenServer {
  std::unique_ptr<HandleObject> object;
  std::uint16_t port = 0;
};
Result<OpenServer> open_server(const probe::SocketFactory& factory, const ServeSpec& spec);
Result<std::unique_ptr<HandleObject>> open_capture(const probe::SocketFactory& factory,
                                                   const protocol::CaptureRequest& request);

// Of `watch`; `sightings` asks it, not `read`.
class WatchHandle final : public HandleObject {
 public:
  static Result<std::unique_ptr<WatchHandle>> open(const probe::SocketFactory& factory,
                                                   const protocol::WatchRequest& request);

  std::uint32_t queue_bytes() const { return watch_->queue_bytes(); }  // before it is given to others

  Result<protocol::SightingsReply> sightings(const std::vector<protocol::FarProbe>& probes);
  Result<Taken> read(std::uint32_t maximum, Deadline wait, const Cancellation& cancellation) override;
  Result<void> write(const protocol::WriteRequest& request, std::string_view bytes, Deadline deadline,
                     const Cancellation& cancellation) override;
  Result<void> close(Deadline deadline) override;

 private:
  explicit WatchHandle(std::unique_ptr<probe::FarWatch> watch) : watch_(std::move(watch)) {}
  std::mutex mutex_;  // of watch_
  std::unique_ptr<probe::FarWatch> watch_;
};

// Of `trace`; `verdicts` asks it, not `read`.
class TraceHandle final : public HandleObject {
 public:
  static std::unique_ptr<TraceHandle> open(const std::string& namespace_directory,
                                           const protocol::TraceRequest& request);

  Result<protocol::VerdictsReply> verdicts();
  Result<Taken> read(std::uint32_t maximum, Deadline wait, const Cancellation& cancellation) override;
  Result<void> write(const protocol::WriteRequest& request, std::string_view bytes, Deadline deadline,
                     const Cancellation& cancellation) override;
  Result<void> close(Deadline deadline) override;

 private:
  TraceHandle() = default;
  std::mutex mutex_;                                                  // of what follows
  std::vector<std::pair<std::string, netlink::FilterTrace>> traces_;  // by namespace
  std::optional<DropTrace> drops_;                                    // where the kernel may be asked
};

}  // namespace netns_lab::node
