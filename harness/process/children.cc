#include "harness/process/children.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace netns_lab::process {
namespace {

constexpr pid_t kHighestPid = 4'194'304;  // PID_MAX_LIMIT, include/linux/threads.h

// The decimal number at the start of `text`, and 0 where there is none.
pid_t leading_number(const char* text) {
  pid_t number = 0;
  while (*text >= '0' && *text <= '9') number = number * 10 + (*text++ - '0');
  return number;
}

bool proc_shows_our_namespace() {
  char self[32] = {};
  return ::readlink("/proc/self", self, sizeof self - 1) > 0 && leading_number(self) == ::getpid();
}

// Field 4 of /proc/PID/stat (proc(5)); the command name before it may hold anything, brackets too. 0: gone.
pid_t parent_of(int proc, const char* pid) {
  char path[48] = {};
  ::strncat(path, pid, 16);
  ::strcat(path, "/stat");
  const int file = ::openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[512] = {};
  const ssize_t size = ::read(file, text, sizeof text - 1);
  ::close(file);
  if (size <= 0) return 0;
  const char* bracket = ::strrchr(text, ')');
  if (bracket == nullptr || ::strlen(bracket) < 5) return 0;
  return leading_number(bracket + 4);  // ") S 123"
}

// struct linux_dirent64 (getdents64(2)); readdir(3) allocates.
struct DirectoryEntry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[1];
};

}  // namespace

bool read_command_line(pid_t child, char* text, unsigned size) {
  if (!proc_shows_our_namespace()) return false;
  char digits[12] = {};
  int at = 11;
  for (pid_t left = child; left > 0; left /= 10) digits[--at] = static_cast<char>('0' + left % 10);
  char path[48] = "/proc/";
  ::strcat(path, digits + at);
  ::strcat(path, "/cmdline");
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t read = ::read(file, text, size);
  ::close(file);
  if (read <= 0) return false;
  ssize_t end = read;
  while (end > 0 && text[end - 1] == '\0') --end;
  for (ssize_t i = 0; i < end; ++i) {
    if (text[i] == '\0') text[i] = ' ';
  }
  text[end] = '\0';
  return end > 0;
}

void for_each_child(void (*visit)(pid_t child, void* context), void* context) {
  const int proc = proc_shows_our_namespace() ? ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (proc < 0) {
    for (pid_t pid = 1; pid <= kHighestPid; ++pid) {
      siginfo_t info;
      if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0) visit(pid, context);
    }
    return;
  }
  const pid_t self = ::getpid();
  alignas(DirectoryEntry) char buffer[8192];
  for (;;) {
    const long size = ::syscall(SYS_getdents64, proc, buffer, sizeof buffer);
    if (size <= 0) break;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);  // NOLINT: the kernel aligns them to 8
      at += entry->length;
      const pid_t pid = leading_number(entry->name);
      if (pid > 0 && parent_of(proc, entry->name) == self) visit(pid, context);
    }
  }
  ::close(proc);
}

}  // namespace netns_lab::process
