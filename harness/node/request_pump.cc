#include "harness/node/request_pump.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

#include "harness/protocol/json.h"

namespace netns_lab::node {
namespace {

// An answer goes out even when its request's limit has passed; a tester that takes none of it for so long is given up.
constexpr std::chrono::seconds kSendLimit(10);

const nlohmann::json& nothing() {
  static const nlohmann::json empty = nlohmann::json::object();
  return empty;
}

}  // namespace

RequestPump::RequestPump(UniqueFd stream, PumpPolicy policy)
    : stream_(std::move(stream)), policy_(std::move(policy)), room_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  policy_.threads = std::max(policy_.threads, 2u);
}

RequestPump::~RequestPump() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

Error RequestPump::run() {
  work();
  // Once it has ended nobody adds threads any more: only a leader does.
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  return end_;
}

void RequestPump::stop() {
  stop_.request();
  ::eventfd_write(room_.get(), 1);  // it may be waiting for room
}

void RequestPump::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (!waiting_.empty()) {
      PumpedRequest request = std::move(waiting_.front());
      waiting_.pop_front();
      waiting_bytes_ -= request.raw.size();
      ::eventfd_write(room_.get(), 1);
      lock.unlock();
      perform(std::move(request));
      lock.lock();
      continue;
    }
    if (ended_) return;
    if (!has_leader_) {
      has_leader_ = true;
      PumpedRequest request = {.envelope = {}, .raw = "", .deadline = Deadline::never(), .cancellation = nullptr};
      if (!lead(lock, request)) return;
      lock.unlock();
      perform(std::move(request));
      lock.lock();
      continue;
    }
    ++idle_;
    changed_.wait(lock, [this] { return ended_ || !has_leader_ || !waiting_.empty(); });
    --idle_;
  }
}

// Waits at the stream until there is a request for this thread to do (true, and somebody else leads, or soon will), or
// the stream has ended (false). Called and left with the lock held.
bool RequestPump::lead(std::unique_lock<std::mutex>& lock, PumpedRequest& request) {
  while (true) {
    lock.unlock();
    auto frame = stream_.receive(Deadline::never(), &stop_);
    if (!frame) {
      lock.lock();
      end(std::move(frame).error());
      return false;
    }
    auto envelope = protocol::parse_request(frame->json);
    if (!envelope) {
      answer(0, tl::unexpected(std::move(envelope).error()), "", Deadline::after(kSendLimit));
      lock.lock();
      continue;
    }
    if (envelope->operation == protocol::CancelRequest::kOperation) {
      cancel(*envelope);
      lock.lock();
      continue;
    }
    request = {.envelope = *std::move(envelope),
               .raw = std::move(frame->raw),
               .deadline = Deadline::never(),
               .cancellation = std::make_shared<Cancellation>()};
    request.deadline = Deadline::after(request.envelope.time_limit);
    if (policy_.is_quick(request.envelope.operation)) {
      perform(std::move(request));
      lock.lock();
      continue;
    }
    lock.lock();
    if (!under_way_.emplace(request.envelope.id, request.cancellation).second) {
      lock.unlock();
      answer(request.envelope.id,
             tl::unexpected(
                 Error::invalid("'" + request.envelope.operation + "'", "a request with its id is under way already")),
             "", request.deadline);
      lock.lock();
      continue;
    }
    if (idle_ > 0) {
      has_leader_ = false;
      changed_.notify_one();
      return true;
    }
    if (threads_.size() + 1 < policy_.threads) {
      try {
        threads_.emplace_back([this] { work(); });
        has_leader_ = false;
        return true;
      } catch (const std::system_error&) {
        // No thread to be had (EAGAIN): the queue takes it, as when all are at work.
      }
    }
    if (threads_.empty()) {  // nobody else will ever come: this thread does it, and leads again afterwards
      has_leader_ = false;
      return true;
    }
    waiting_bytes_ += request.raw.size();
    waiting_.push_back(std::move(request));
    if (has_room()) continue;
    lock.unlock();
    const bool room = wait_for_room();
    lock.lock();
    if (!room) {
      end(stop_.requested() ? Error::cancelled("receive") : Error::lost("receive", "the stream ended"));
      return false;
    }
  }
}

bool RequestPump::has_room() const {
  return waiting_.size() < policy_.waiting && waiting_bytes_ < policy_.waiting_bytes;
}

// True when the queue has room again, false when the stream has ended or we are to stop.
bool RequestPump::wait_for_room() {
  while (true) {
    if (stream_.wait_for_end(room_.get())) return false;
    eventfd_t count = 0;
    ::eventfd_read(room_.get(), &count);
    if (stop_.requested()) return false;
    const std::lock_guard lock(mutex_);
    if (has_room()) return true;
  }
}

void RequestPump::perform(PumpedRequest request) {
  const std::uint64_t id = request.envelope.id;
  const std::string& operation = request.envelope.operation;
  PumpedAnswer done = {.result = nothing(), .raw = ""};
  if (request.cancellation->requested()) {
    done.result = tl::unexpected(Error::cancelled("'" + operation + "'"));
  } else if (request.deadline.passed()) {
    done.result = tl::unexpected(Error::timeout("'" + operation + "'", "its limit passed before it could begin"));
  } else {
    try {
      done = policy_.perform(request);
    } catch (const std::exception& error) {
      done = {.result = tl::unexpected(Error::internal("'" + operation + "'", error.what())), .raw = ""};
    }
  }
  {
    const std::lock_guard lock(mutex_);
    under_way_.erase(id);
  }
  answer(id, std::move(done.result), done.raw, request.deadline);
}

void RequestPump::cancel(const protocol::RequestEnvelope& envelope) {
  const auto request = json_to<protocol::CancelRequest>(envelope.arguments);
  const Deadline deadline = Deadline::after(envelope.time_limit);
  if (!request) {
    answer(envelope.id, tl::unexpected(request.error()), "", deadline);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    const auto found = under_way_.find(request->id);
    if (found != under_way_.end()) found->second->request();
  }
  answer(envelope.id, nothing(), "", deadline);
}

void RequestPump::answer(std::uint64_t id, Result<nlohmann::json> result, std::string_view raw, Deadline deadline) {
  std::string text = protocol::to_text(protocol::ReplyEnvelope{.id = id, .result = std::move(result)});
  if (text.size() > protocol::kMaximumJson || raw.size() > protocol::kMaximumRaw) {
    text = protocol::to_text(protocol::ReplyEnvelope{
        .id = id,
        .result = tl::unexpected(Error::invalid("answer", "it is larger than a frame", "ask for less at once"))});
    raw = "";
  }
  const Deadline limit = Deadline::after(kSendLimit);
  const std::lock_guard lock(sending_);
  // An answer that cannot be sent has nobody to tell: a stream cut in the middle of a frame ends the session.
  if (!stream_.send(text, raw, deadline.at() > limit.at() ? deadline : limit) && stream_.broken()) stop();
}

void RequestPump::end(Error why) {
  has_leader_ = false;
  if (ended_) return;
  ended_ = true;
  end_ = std::move(why);
  policy_.on_end();
  for (const auto& [id, cancellation] : under_way_) cancellation->request();
  changed_.notify_all();
}

}  // namespace netns_lab::node
