#include "harness/process/launch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/process/args.hpp>
#include <boost/process/async_pipe.hpp>
#include <boost/process/child.hpp>
#include <boost/process/env.hpp>
#include <boost/process/environment.hpp>
#include <boost/process/error.hpp>
#include <boost/process/exe.hpp>
#include <boost/process/extend.hpp>
#include <boost/process/io.hpp>
#include <cerrno>
#include <string_view>
#include <utility>

#include "harness/base/socket_pair.h"
#include "harness/process/keeper.h"
#include "harness/process/known_children.h"

namespace netns_lab::process {
namespace {

namespace bp = boost::process;

struct Terminal {
  UniqueFd master;
  UniqueFd slave;
};

Result<Terminal> open_terminal(TerminalSize size) {
  Terminal terminal;
  terminal.master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.master.valid() || ::unlockpt(terminal.master.get()) != 0) {
    return tl::unexpected(Error::system("open a pseudo-terminal (/dev/ptmx)", errno));
  }
  // By ioctl, not by name: /dev/pts may be another mount than the master's (ioctl_tty(2)).
  terminal.slave.reset(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave.valid()) return tl::unexpected(Error::system("open the pseudo-terminal's far end", errno));
  winsize window{};
  window.ws_row = size.rows;
  window.ws_col = size.columns;
  if (::ioctl(terminal.master.get(), TIOCSWINSZ, &window) != 0) {
    return tl::unexpected(Error::system("set the pseudo-terminal's size", errno));
  }
  return terminal;
}

// The initializer that runs between fork and exec.
auto keeper_setup(const KeeperOrders& orders) {
  return bp::extend::on_exec_setup = [&orders](auto& /*executor*/) { become_keeper(orders); };
}
auto report_exec_error(const KeeperOrders& orders) {
  return bp::extend::on_exec_error = [&orders](auto& /*executor*/, const std::error_code& error) {
    report_not_started(orders.control_fd, KeeperReport::kExecute, error.value());
  };
}

// A copy of `fd` out of the way of the numbers that the command's descriptors will have.
Result<UniqueFd> raised(int fd, const Command& command, const std::string& attempted) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3 + static_cast<int>(command.descriptors.size())));
  if (copy.valid()) return copy;
  return tl::unexpected(Error::system(attempted + ": copy one of its descriptors", errno));
}

template <typename... Streams>
int spawn(const Command& command, const std::string& program, const KeeperOrders& orders, pid_t& keeper,
          Streams&&... streams) {
  int fork_errno = 0;
  bp::environment environment;
  environment.clear();
  for (const auto& [name, value] : command.environment) environment[name] = value;
  const std::vector<std::string> arguments(command.argv.begin() + 1, command.argv.end());
  bp::child child(
      bp::exe = program, bp::args = arguments, environment, std::forward<Streams>(streams)..., keeper_setup(orders),
      report_exec_error(orders),
      bp::extend::on_fork_error = [&fork_errno](auto& /*executor*/,
                                                const std::error_code& error) { fork_errno = error.value(); },
      // The keeper reports what fails; Boost's own pipe for that would stay open in it.
      bp::ignore_error);
  keeper = child.valid() ? child.id() : 0;
  child.detach();
  return fork_errno;
}

}  // namespace

Result<Launched> launch(const Command& command, const std::string& program) {
  const std::string attempted = "start " + to_string(command);
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0)
      return tl::unexpected(Error::internal(attempted, "descriptors 0, 1 and 2 must be open"));
  }
  NETNS_LAB_ASSIGN(auto control, socket_pair(SOCK_SEQPACKET, attempted + ": open its control socket"));
  Launched launched;
  launched.control = std::move(control.first);
  UniqueFd keeper_end = std::move(control.second);
  std::vector<UniqueFd> copies;
  std::vector<int> descriptors;
  if (!command.descriptors.empty()) {
    NETNS_LAB_ASSIGN(keeper_end, raised(keeper_end.get(), command, attempted));
    for (const int fd : command.descriptors) {
      NETNS_LAB_ASSIGN(UniqueFd copy, raised(fd, command, attempted));
      descriptors.push_back(copy.get());
      copies.push_back(std::move(copy));
    }
  }
  KeeperOrders orders;
  orders.descriptors = descriptors.data();
  orders.descriptor_count = static_cast<int>(descriptors.size());
  orders.control_fd = keeper_end.get();
  orders.network_namespace_fd = command.network_namespace_fd;
  orders.working_directory = command.working_directory.c_str();
  orders.descendant_grace_ms = kDescendantGrace.count();
  std::vector<const char*> daemons;
  for (const std::string& name : command.daemons) daemons.push_back(name.c_str());
  orders.daemons = daemons.data();
  orders.daemon_count = static_cast<int>(daemons.size());

  KnownChildren& known = KnownChildren::of_this_process();
  if (command.terminal) {
    NETNS_LAB_ASSIGN(Terminal terminal, open_terminal(*command.terminal));
    orders.terminal_fd = terminal.slave.get();
    const std::lock_guard lock(known.mutex);
    if (const int fork_errno = spawn(command, program, orders, launched.keeper); fork_errno != 0) {
      return tl::unexpected(Error::system(attempted + ": fork", fork_errno));
    }
    known.pids.insert(launched.keeper);
    launched.output = std::move(terminal.master);
    return launched;
  }
  try {
    boost::asio::io_context context;  // the pipes want one; it never runs
    // Under the lock too: the pipes are made without O_CLOEXEC, and a command started meanwhile would keep their far
    // ends open.
    const std::lock_guard lock(known.mutex);
    bp::async_pipe input(context);
    bp::async_pipe output(context);
    bp::async_pipe errors(context);
    if (const int fork_errno = spawn(command, program, orders, launched.keeper, bp::std_in<input, bp::std_out> output,
                                     bp::std_err > errors);
        fork_errno != 0) {
      return tl::unexpected(Error::system(attempted + ": fork", fork_errno));
    }
    known.pids.insert(launched.keeper);
    launched.input.reset(std::move(input).sink().release());
    launched.output.reset(std::move(output).source().release());
    launched.errors.reset(std::move(errors).source().release());
  } catch (const std::system_error& error) {
    return tl::unexpected(Error::system(attempted + ": open its pipes", error.code().value()));
  } catch (const boost::system::system_error& error) {
    return tl::unexpected(Error::system(attempted + ": open its pipes", error.code().value()));
  }
  for (const UniqueFd* fd : {&launched.input, &launched.output, &launched.errors})
    ::fcntl(fd->get(), F_SETFD, FD_CLOEXEC);
  return launched;
}

void forget_keeper(pid_t keeper) {
  while (::waitpid(keeper, nullptr, 0) < 0 && errno == EINTR) {
  }
  KnownChildren& known = KnownChildren::of_this_process();
  const std::lock_guard lock(known.mutex);
  known.pids.erase(keeper);
}

std::string find_program(const Command& command) {
  const std::string& name = command.argv.front();
  if (name.find('/') != std::string::npos) return name;
  const auto found = command.environment.find("PATH");
  std::string_view folders = found == command.environment.end() ? "" : std::string_view(found->second);
  while (!folders.empty() && !name.empty()) {
    const std::size_t colon = folders.find(':');
    const std::string folder(folders.substr(0, colon));
    folders = colon == std::string_view::npos ? "" : folders.substr(colon + 1);
    // An empty part means the current folder to execvp(3): a surprise more than a service, so it is passed over.
    if (folder.empty()) continue;
    const std::string path = folder + "/" + name;
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

}  // namespace netns_lab::process
