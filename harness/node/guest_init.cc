#include "harness/node/guest_init.h"

#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>

#include "harness/node/guest_boot.h"
#include "harness/node/guest_service.h"

namespace netns_lab::node {

int run_guest() {
  if (::getpid() != 1) {
    std::fprintf(stderr, "netns-lab: agent --init is for the first process of a virtual machine\n");
    return 2;
  }
  std::string disk;
  const auto lived = boot_guest().and_then([&disk](BootedGuest guest) {
    disk = guest.disk;
    return serve_guest_labs(std::move(guest.port), UniqueFd(), std::move(guest.lost), "qemu", std::move(guest.disk));
  });
  if (!lived) std::fprintf(stderr, "netns-lab: %s\n", lived.error().message().c_str());
  power_off_guest(disk);
  return 1;
}

}  // namespace netns_lab::node
