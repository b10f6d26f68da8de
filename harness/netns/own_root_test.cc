#include "harness/netns/own_root.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace netns_lab::netns {
namespace {

int exit_status_of(int (*body)()) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool enter_jail() {
  return ::mkdir("/run/jail", 0755) == 0 && ::mkdir("/run/jail/proc", 0755) == 0 &&
         ::mount("/proc", "/run/jail/proc", nullptr, MS_BIND | MS_REC, nullptr) == 0 && ::chroot("/run/jail") == 0 &&
         ::chdir("/") == 0;
}

TEST(OwnRoot, LetsAChrootedProcessMakeAUserNamespace) {
  EXPECT_EQ(exit_status_of([] {
              if (!enter_jail()) return 10;
              if (::unshare(CLONE_NEWUSER) == 0) return 11;  // the kernel no longer refuses: this module can go
              if (!chroot_forbids_user_namespaces()) return 12;
              if (!own_the_root()) return 13;
              if (::access("/proc/self/ns/net", F_OK) != 0) return 14;
              if (::access("/usr", F_OK) == 0) return 15;  // it still sees the jail and nothing else
              return ::unshare(CLONE_NEWUSER) == 0 ? 0 : 16;
            }),
            0);
}

TEST(OwnRoot, FindsNothingToMendOutsideAChroot) { EXPECT_FALSE(chroot_forbids_user_namespaces()); }

}  // namespace
}  // namespace netns_lab::netns
