// Takes requests off a stream, has them done, and sends the answers. The stream is watched all the time, also while
// requests are under way and when more of them come than can be done: its end is always seen.
//
// How: leader and followers. One thread of the pump, the leader, waits at the stream. For a quick operation it does the
// work itself; for any other it first makes another thread the leader and then does the work, so that a request is
// never handed from thread to thread (which would cost two wake-ups on its way). When all threads are at work the
// leader puts requests into a bounded queue; when that is full it stops reading, and watches only for the end of the
// stream.
//
//      stream ──> leader ──┬─ quick or `cancel`: done here
//                          └─ else: next leader is woken (or made), this thread does the work ──> answer
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/cancellation.h"
#include "harness/base/deadline.h"
#include "harness/protocol/envelope.h"
#include "harness/protocol/frame_stream.h"

namespace netns_lab::node {

struct PumpedRequest {
  protocol::RequestEnvelope envelope;
  std::string raw;
  Deadline deadline;  // its time limit, counted from when it was read
  std::shared_ptr<Cancellation> cancellation;
};
struct PumpedAnswer {
  Result<nlohmann::json> result;
  std::string raw;
};

struct PumpPolicy {
  // Does a request; called by several threads at once. Whatever it throws becomes a kInternal answer.
  std::function<PumpedAnswer(PumpedRequest&)> perform;
  // Operations that never wait, and are over in less time than a thread takes to wake up.
  std::function<bool(const std::string& operation)> is_quick = [](const std::string&) { return false; };
  // Called by the leader, once, the moment the stream has ended and before anything is waited for.
  std::function<void()> on_end = [] {};
  unsigned threads = 16;                  // at most, the calling one included; at least 2
  unsigned waiting = 64;                  // requests in the queue, at most
  std::size_t waiting_bytes = 32u << 20;  // raw bytes behind them, at most, but for the last
};

class RequestPump {
 public:
  RequestPump(UniqueFd stream, PumpPolicy policy);
  RequestPump(const RequestPump&) = delete;
  RequestPump& operator=(const RequestPump&) = delete;
  ~RequestPump();

  // Returns when the stream has ended, or `stop` was called, and every request under way was cancelled and has
  // finished. Why it ended: kLost with its detail, kCancelled after stop, kInternal for bytes that are no protocol.
  Error run();
  // From any thread, and from a request under way: reads no more; answers still go out.
  void stop();

 private:
  void work();
  bool lead(std::unique_lock<std::mutex>& lock, PumpedRequest& request);
  bool wait_for_room();
  bool has_room() const;
  void perform(PumpedRequest request);
  void cancel(const protocol::RequestEnvelope& envelope);
  void answer(std::uint64_t id, Result<nlohmann::json> result, std::string_view raw, Deadline deadline);
  void end(Error why);

  protocol::FrameStream stream_;
  PumpPolicy policy_;
  Cancellation stop_;
  std::mutex sending_;  // one answer at a time

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool has_leader_ = false;
  bool ended_ = false;
  Error end_;
  unsigned idle_ = 0;  // threads that wait to lead or to work
  std::vector<std::thread> threads_;
  std::deque<PumpedRequest> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Cancellation>> under_way_;
  UniqueFd room_;  // eventfd: a request left the queue
};

}  // namespace netns_lab::node
