// The inside of RunningCommand: its state, and what its I/O thread does with it. Boost.Asio lives here and in
// launch.cc.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "harness/base/unique_fd.h"
#include "harness/process/keeper.h"
#include "harness/process/launch.h"
#include "harness/process/output_buffer.h"
#include "harness/process/running_command.h"

namespace netns_lab::process {

namespace asio = boost::asio;

// Members without a note belong to the I/O thread; `mutex_` guards the rest.
class RunningCommand::State {
 public:
  State(Command command, std::string program);
  ~State();

  // Takes over what was launched, and returns when the pid is known.
  Result<void> begin(Launched launched);
  void end_before_start(std::string reason, int system_errno);

  int pid() const;
  int ready_fd() const { return ready_.get(); }
  const Command& command() const { return command_; }
  bool has_terminal() const { return command_.terminal.has_value(); }
  std::optional<CommandEnd> end() const;

  Chunk read(std::size_t maximum, Deadline deadline, int interrupt_fd);
  Result<void> write(std::string_view bytes);
  void end_input();
  void resize(TerminalSize size);
  // Done by the I/O thread.
  void post_signal(int number);
  void post_kill();
  void post_stop();

 private:
  struct Stream {
    asio::posix::stream_descriptor descriptor;
    bool open = true;
  };
  OutputBuffer& buffer_of(const Stream& stream) { return &stream == &streams_[0] ? output_ : errors_; }

  // A byte for the keeper; see keeper.h.
  void order(std::uint8_t what);
  void stop();
  void receive_report();
  void take_report();

  // Nobody is left to print anything: take what is still in the pipes, and tell.
  void finish(bool descendants_left);
  void drain(Stream& stream);
  void receive(Stream& stream);
  void keep(Stream& stream, std::size_t size);
  void close(Stream& stream);

  // A terminal is written through its master.
  asio::posix::stream_descriptor& input() { return command_.terminal ? streams_[0].descriptor : input_; }

  void send_input();
  void publish(CommandEnd end);
  void make_ready();

  using Clock = std::chrono::steady_clock;
  using Problem = boost::system::error_code;

  Command command_;
  std::string program_;
  asio::io_context context_{1};
  asio::posix::stream_descriptor control_;
  std::array<Stream, 2> streams_;  // output, errors
  asio::posix::stream_descriptor input_;
  asio::steady_timer limit_timer_;
  asio::steady_timer kill_timer_;
  asio::steady_timer give_up_timer_;
  std::array<char, 64 * 1024> scratch_{};
  KeeperReport report_;
  CommandEnd outcome_;
  Clock::time_point started_{};
  pid_t keeper_ = 0;
  bool main_ended_ = false;
  bool timed_out_ = false;
  bool giving_up_ = false;
  bool is_unwatched_ = false;
  bool finished_ = false;
  bool sending_ = false;
  std::string input_under_way_;
  UniqueFd ready_;  // an eventfd: not zero while `read` would not wait

  mutable std::mutex mutex_;
  std::condition_variable begun_;
  OutputBuffer output_;
  OutputBuffer errors_;
  std::string input_waiting_;
  bool input_ends_ = false;
  bool held_up_ = false;
  bool pid_known_ = false;
  int pid_ = 0;
  std::optional<CommandEnd> end_;
  std::thread thread_;
};

}  // namespace netns_lab::process
