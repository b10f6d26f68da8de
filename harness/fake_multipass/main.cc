// A FAKE `multipass`, for tests of netns-lab's driver: its instances are virtual machines under QEMU. See README.md.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "harness/fake_multipass/client.h"
#include "harness/fake_multipass/daemon.h"
#include "harness/fake_multipass/guest.h"

int main(int argc, char** argv) {
  using namespace netns_lab::fake_multipass;
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (::getpid() == 1 && words.size() == 2 && words.front() == "guest") return run_guest(words.back());
  const char* folder = std::getenv("FAKE_MULTIPASS");
  if (folder == nullptr || *folder != '/') {
    std::fprintf(stderr, "FAKE_MULTIPASS must be the path of a folder for the fake multipass's instances\n");
    return 2;
  }
  const Home home(folder);
  if (words == std::vector<std::string>{"daemon"}) return run_daemon(home);
  return run_client(home, words);
}
