#include "harness/node/agent_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <list>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "harness/node/request_pump.h"
#include "harness/node/session.h"

namespace netns_lab::node {
namespace {

bool is_gone(int stream) {
  pollfd state = {stream, POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0;
}

}  // namespace

void serve_session(AgentState& agent, SessionNumber number, UniqueFd stream, std::function<void(Session&)> on_end) {
  const int fd = stream.get();
  std::atomic<bool> has_ended{false};
  Session session(agent, number, [fd, &has_ended] { return has_ended || is_gone(fd); });
  RequestPump pump(std::move(stream), {.perform = [&](PumpedRequest& request) { return session.perform(request); },
                                       .is_quick =
                                           [&](const std::string& name) {
                                             const Operation* operation = agent.operations.find(name);
                                             return operation == nullptr || operation->pace == Pace::kQuick;
                                           },
                                       .on_end =
                                           [&] {
                                             has_ended = true;
                                             on_end(session);
                                           }});
  const StopSignal::Listener stopped(agent.stop, [&pump] { pump.stop(); });
  pump.run();
  session.end();
}

void serve_sessions(AgentState& agent, UniqueFd listener) {
  struct Served {
    std::atomic<bool> done{false};
    std::thread thread;
  };
  std::list<Served> sessions;
  SessionNumber next = 1;
  const int flags = ::fcntl(listener.get(), F_GETFL);
  ::fcntl(listener.get(), F_SETFL, flags | O_NONBLOCK);
  while (!agent.stop.requested()) {
    std::array<pollfd, 2> waits = {{{listener.get(), POLLIN, 0}, {agent.stop.fd(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) break;
    if (waits[0].revents == 0) continue;
    UniqueFd stream(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!stream.valid()) {
      if (errno == EMFILE ||
          errno == ENFILE) {  // until a session ends there is nothing to be done, and no way to be woken
        ::poll(&waits[1], 1, 100);
      }
      continue;
    }
    sessions.remove_if([](Served& served) {
      if (!served.done) return false;
      served.thread.join();
      return true;
    });
    Served& served = sessions.emplace_back();
    try {
      served.thread = std::thread([&agent, &served, number = next, fd = stream.get()] {
        serve_session(agent, number, UniqueFd(fd), [](Session&) {});
        served.done = true;
      });
      static_cast<void>(stream.release());  // the thread's now
      ++next;
    } catch (const std::system_error& error) {
      std::fprintf(stderr, "no thread for a session: %s\n", error.what());
      sessions.pop_back();
    }
  }
  listener.reset();  // nobody new
  for (Served& served : sessions) served.thread.join();
}

}  // namespace netns_lab::node
