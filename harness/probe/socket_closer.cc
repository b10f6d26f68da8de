#include "harness/probe/socket_closer.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "harness/probe/signals_blocked.h"

namespace netns_lab::probe {
namespace {

constexpr std::size_t kMostThreads = 16;

}  // namespace

struct SocketCloser::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<UniqueFd> waiting;
  std::size_t unclosed = 0;  // waiting or being closed
  std::size_t running = 0;
  std::vector<std::thread> threads;

  void work() {
    std::unique_lock lock(mutex);
    while (!waiting.empty()) {
      UniqueFd socket = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      socket.reset();
      lock.lock();
      --unclosed;
      changed.notify_all();
    }
    --running;
  }

  void close(UniqueFd socket) {
    const std::lock_guard lock(mutex);
    waiting.push_back(std::move(socket));
    ++unclosed;
    if (running == 0) {  // we hold the mutex, so they are past their last use of it
      for (std::thread& thread : threads) thread.join();
      threads.clear();
    }
    if (running >= kMostThreads) return;
    try {
      const SignalsBlocked blocked;
      threads.emplace_back([this] { work(); });
      ++running;
    } catch (const std::system_error&) {
      if (running != 0) return;  // another thread will come to it
      waiting.pop_back();        // no thread to be had: it closes here, slowly
      --unclosed;
    }
  }
};

SocketCloser::SocketCloser() : state_(std::make_unique<State>()) {}

SocketCloser::~SocketCloser() {
  for (std::thread& thread : state_->threads) thread.join();
}

void SocketCloser::close(UniqueFd socket) {
  if (socket.valid()) state_->close(std::move(socket));
}

bool SocketCloser::wait(Deadline deadline) {
  std::unique_lock lock(state_->mutex);
  const auto closed = [this] { return state_->unclosed == 0; };
  if (deadline.is_never()) {
    state_->changed.wait(lock, closed);
    return true;
  }
  return state_->changed.wait_until(lock, deadline.at(), closed);
}

}  // namespace netns_lab::probe
