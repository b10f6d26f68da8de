#include "harness/cli/command_under_test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <stdexcept>
#include <utility>

#include "harness/base/deadline.h"

namespace netns_lab::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string read_all(int fd) {
  std::string text;
  char buffer[65536];
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(fd, buffer, sizeof buffer, at);
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    at += got;
  }
}

// Where the test's binary lies. Looked at before main(): in a chroot the test is given a root of its own
// (netns/own_root.h), from which the kernel has no path to it any more.
const std::filesystem::path& build_folder() {
  static const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  return folder;
}
[[maybe_unused]] const std::filesystem::path& kBeforeMain = build_folder();

UniqueFd memory_file(const char* name) { return UniqueFd(::memfd_create(name, MFD_CLOEXEC)); }

bool poll_once(int fd, Deadline deadline) {
  pollfd polled{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&polled, 1, deadline.poll_timeout()) > 0;
}

// The live children of this process, by /proc.
std::vector<pid_t> children() {
  std::ifstream file("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  return {std::istream_iterator<pid_t>(file), std::istream_iterator<pid_t>()};
}

std::string command_line_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::replace(text.begin(), text.end(), '\0', ' ');
  return std::to_string(pid) + " " + text;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Ran& ran) {
  return out << "status " << ran.status << "\n--- output:\n" << ran.output << "--- errors:\n" << ran.errors << "---";
}

CommandUnderTest::CommandUnderTest() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::string pattern = std::filesystem::temp_directory_path().string() + "/netns-lab-test-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = pattern;
  std::filesystem::create_directory(folder_ + "/run");
  std::filesystem::permissions(folder_ + "/run", std::filesystem::perms::owner_all);
  environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                 {"HOME", folder_},
                 {"LANG", "C.UTF-8"},
                 {"XDG_RUNTIME_DIR", folder_ + "/run"}};
}

CommandUnderTest::~CommandUnderTest() {
  std::error_code ignored;
  for (const auto& lab : std::filesystem::directory_iterator(folder_ + "/run/netns-lab", ignored)) {
    run({"destroy", "--name", lab.path().filename().string()});
  }
  std::filesystem::remove_all(folder_, ignored);
}

CommandUnderTest::Running CommandUnderTest::start(const std::vector<std::string>& arguments, const std::string& input) {
  std::vector<std::string> words{binary()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const bool is_test = !arguments.empty() &&
                       (arguments.front() == "test" || arguments.front() == "report" || arguments.front() == "qualify");
  if (is_test && std::find(words.begin(), words.end(), "--report-dir") == words.end()) {
    words.insert(words.end(), {"--report-dir", folder_ + "/report"});
  }
  std::vector<std::string> settings;
  for (const auto& [name, value] : environment) settings.push_back(name + "=" + value);
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& setting : settings) envp.push_back(setting.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  Running running;
  running.output = memory_file("output");
  running.errors = memory_file("errors");
  const UniqueFd given = memory_file("input");
  if (::write(given.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size()))
    throw std::runtime_error("write");
  ::lseek(given.get(), 0, SEEK_SET);
  running.pid = ::fork();
  if (running.pid == 0) {
    ::setpgid(0, 0);
    // As at a terminal, also where the tests themselves run in the background or under nohup(1).
    for (const int ending : {SIGINT, SIGTERM, SIGHUP}) ::signal(ending, SIG_DFL);
    if (::chdir(folder_.c_str()) != 0) ::_exit(126);
    ::dup2(given.get(), STDIN_FILENO);
    ::dup2(running.output.get(), STDOUT_FILENO);
    ::dup2(running.errors.get(), STDERR_FILENO);
    if (before_execution) before_execution();
    ::execve(argv.front(), argv.data(), envp.data());
    ::_exit(127);
  }
  return running;
}

Ran CommandUnderTest::wait(Running running) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, running.pid, 0)));
  if (!poll_once(process.get(), Deadline::after(patience))) ::kill(running.pid, SIGKILL);
  int status = 0;
  while (::waitpid(running.pid, &status, 0) < 0 && errno == EINTR) {
  }
  Ran ran;
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ran.output = read_all(running.output.get());
  ran.errors = read_all(running.errors.get());
  return ran;
}

Ran CommandUnderTest::run(const std::vector<std::string>& arguments, const std::string& input) {
  return wait(start(arguments, input));
}

std::string CommandUnderTest::report(const std::string& file) const {
  std::ifstream stream(folder_ + "/report/" + file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::vector<std::string> CommandUnderTest::report_lines(const std::string& beginning) const {
  const std::string text = report("junit.xml");
  std::vector<std::string> found;
  for (std::size_t at = text.find(beginning); at != std::string::npos; at = text.find(beginning, at + 1)) {
    found.push_back(text.substr(at, text.find("</" + beginning.substr(1), at) - at));
  }
  return found;
}

std::string CommandUnderTest::write(const std::string& name, const std::string& text, int mode) const {
  const std::string path = folder_ + "/" + name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
  std::filesystem::permissions(path, static_cast<std::filesystem::perms>(mode));
  return path;
}

std::string CommandUnderTest::binary() { return build_folder().string() + "/netns-lab"; }

std::string CommandUnderTest::fixture(const std::string& path) {
  for (auto at = build_folder(); at.has_relative_path(); at = at.parent_path()) {
    if (std::filesystem::exists(at / "fixtures" / path)) return (at / "fixtures" / path).string();
  }
  throw std::runtime_error("there is no fixtures/" + path + " above the test's binary");
}

std::vector<std::string> CommandUnderTest::leavings(milliseconds patience) {
  const Deadline deadline = Deadline::after(patience);
  while (true) {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    const std::vector<pid_t> left = children();
    if (left.empty()) return {};
    if (deadline.passed()) {
      std::vector<std::string> lines;
      for (const pid_t pid : left) lines.push_back(command_line_of(pid));
      return lines;
    }
    // Whichever ends first may have children that become ours: look again then.
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, left.front(), 0)));
    poll_once(process.get(), deadline);
  }
}

bool eventually(const std::function<bool()>& condition, seconds limit) {
  const Deadline deadline = Deadline::after(limit);
  while (!condition()) {
    if (deadline.passed()) return false;
    ::poll(nullptr, 0, 2);  // what is waited for has no event that a test could see
  }
  return true;
}

}  // namespace netns_lab::cli
