#include "harness/node/guest_boot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>

#include "harness/base/build_id.h"
#include "harness/base/deadline.h"
#include "harness/protocol/channels.h"
#include "harness/protocol/guest.h"

namespace netns_lab::node {
namespace {

constexpr int kCompressedModule = 4;  // MODULE_INIT_COMPRESSED_FILE, linux/module.h
constexpr unsigned kMostLoaders = 8;
constexpr std::chrono::seconds kPortLimit{30};

struct Mount {
  const char* type;
  const char* at;
  unsigned long flags;
  const char* options;
};
constexpr Mount kMounts[] = {{"proc", "/proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, ""},
                             {"sysfs", "/sys", MS_NOSUID | MS_NOEXEC | MS_NODEV, ""},
                             {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
                             {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666"},
                             {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
                             {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
                             {"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777"}};

void say(const std::string& text) { std::fprintf(stderr, "netns-lab: %s\n", text.c_str()); }

double uptime() {  // seconds
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void mount_all() {
  for (const Mount& mount : kMounts) {
    ::mkdir(mount.at, 0755);
    if (::mount(mount.type, mount.at, mount.type, mount.flags, mount.options) != 0) {
      say(Error::system(fmt::format("mount {} at {}", mount.type, mount.at), errno).message());
    }
  }
}

std::vector<std::string> read_list(const char* path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// What is wrong, in words; "" it is loaded.
std::string load_module(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.valid() && ::syscall(SYS_finit_module, file.get(), "", module_flags(path)) == 0) return "";
  if (errno == EEXIST) return "";
  std::string problem = Error::system("load the kernel module " + path, errno).message();
  say(problem);
  return problem;
}

// What could not be loaded, in words. The kernel checks a module's signature and links it before it takes any lock
// (kernel/module/main.c, load_module): so each of the machine's processors has one.
std::vector<std::string> load_modules() {
  const std::vector<ListedModule> modules = parse_module_list(read_list(protocol::kModuleList));
  std::vector<std::string> problems(modules.size());
  std::mutex mutex;  // of all below
  std::condition_variable one_is_done;
  std::size_t next = 0;
  std::vector<bool> is_done(modules.size());
  const auto work = [&] {
    std::unique_lock lock(mutex);
    while (next < modules.size()) {
      const std::size_t mine = next++;
      one_is_done.wait(lock, [&] {
        return std::all_of(modules[mine].needs.begin(), modules[mine].needs.end(),
                           [&](std::size_t needed) { return is_done[needed]; });
      });
      lock.unlock();
      std::string problem = load_module(modules[mine].path);
      lock.lock();
      problems[mine] = std::move(problem);
      is_done[mine] = true;
      one_is_done.notify_all();
    }
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < std::min(std::thread::hardware_concurrency(), kMostLoaders); ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  std::erase(problems, "");
  return problems;
}

// From now on errors only: a network that is built and torn down is no news
// (Documentation/admin-guide/sysctl/kernel.rst, printk: the first number).
void quieten_kernel() { std::ofstream("/proc/sys/kernel/printk") << "4\n"; }

void raise_loopback() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) say(Error::system("set lo up", errno).message());
}

// What the kernel tells of devices that come and change (lib/kobject_uevent.c): to group 1 of this family.
UniqueFd watch_devices() {
  constexpr std::uint32_t kKernelEvents = 1;
  UniqueFd socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kKernelEvents;
  if (!socket.valid() || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    say(Error::system("hear of devices", errno).message());
    socket.reset();
  }
  return socket;
}

// The kernel makes the port some time after the driver was loaded, and its file a little before the port can be opened
// (drivers/char/virtio_console.c, add_port: ENXIO until then). That it can is told by no event of the file, but by the
// events of the device: it is named last, and that is one (handle_control_message, VIRTIO_CONSOLE_PORT_NAME).
Result<UniqueFd> open_port() {
  const UniqueFd events = watch_devices();
  const Deadline deadline = Deadline::after(kPortLimit);
  for (bool is_told = false;; is_told = true) {
    UniqueFd port(::open(protocol::kGuestPort, O_RDWR | O_CLOEXEC));
    if (port.valid()) return port;
    const int code = errno;
    if (deadline.passed() || !events.valid()) {
      return tl::unexpected(Error::system(fmt::format("open {}", protocol::kGuestPort), code));
    }
    if (!is_told) say(fmt::format("waiting for {} ({})", protocol::kGuestPort, errno_name(code)));
    pollfd changed{.fd = events.get(), .events = POLLIN, .revents = 0};
    ::poll(&changed, 1, deadline.poll_timeout());
    std::array<char, 8192> event;
    while (::recv(events.get(), event.data(), event.size(), MSG_DONTWAIT) >= 0 || errno == ENOBUFS) {
    }
  }
}

// Written while the port still waits: it takes nothing before the machine's maker is connected.
Result<void> greet(const UniqueFd& port) {
  const std::string bytes =
      protocol::encode({.channel = 0, .kind = protocol::ChannelFrame::Kind::kGreeting, .payload = build_id()});
  if (::write(port.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size())) return {};
  return tl::unexpected(Error::system(fmt::format("write to {}", protocol::kGuestPort), errno));
}

// Whoever made the machine made the file system on its disk, too: what cannot be mounted is its mistake, and the end.
Result<std::string> mount_disk() {
  const std::vector<std::string> told = read_list(protocol::kDiskMark);
  if (told.empty()) return std::string();
  const std::string& at = told.front();
  ::mkdir(at.c_str(), 0755);
  if (::mount(protocol::kGuestDisk, at.c_str(), "ext4", MS_NOSUID | MS_NODEV, "") == 0) return at;
  return tl::unexpected(Error::system(fmt::format("mount {} at {}", protocol::kGuestDisk, at), errno));
}

}  // namespace

Result<BootedGuest> boot_guest() {
  mount_all();
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  ::setenv("HOME", "/root", 1);
  ::signal(SIGPIPE, SIG_IGN);
  constexpr rlimit kFiles = {.rlim_cur = 65'536, .rlim_max = 65'536};
  ::setrlimit(RLIMIT_NOFILE, &kFiles);
  const double begun = uptime();
  BootedGuest guest;
  guest.lost = read_list(protocol::kLackingList);
  for (std::string& failed : load_modules()) guest.lost.push_back(std::move(failed));
  const double loaded = uptime();
  raise_loopback();
  NETNS_LAB_ASSIGN(guest.disk, mount_disk());
  NETNS_LAB_ASSIGN(guest.port, open_port());
  NETNS_LAB_TRY(greet(guest.port));
  quieten_kernel();
  say(fmt::format("ready {:.1f} s after the kernel began, {:.1f} s of them its own and {:.1f} s for modules", uptime(),
                  begun, loaded - begun));
  return guest;
}

void power_off_guest(const std::string& disk) {
  if (!disk.empty()) {
    // Nobody writes any more, so that it can be let go of: a file system that is clean needs no recovery next time.
    ::kill(-1, SIGKILL);
    while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
    ::sync();
    if (::umount2(disk.c_str(), 0) != 0) say(Error::system("unmount " + disk, errno).message());
  }
  ::reboot(RB_POWER_OFF);
}

std::vector<ListedModule> parse_module_list(const std::vector<std::string>& lines) {
  std::vector<ListedModule> modules;
  std::map<std::string, std::size_t> places;
  for (const std::string& line : lines) {
    const std::size_t colon = line.find(':');
    ListedModule module{.path = line.substr(0, colon), .needs = {}};
    std::istringstream words(colon == std::string::npos ? "" : line.substr(colon + 1));
    for (std::string word; words >> word;) {
      if (const auto place = places.find(word); place != places.end()) module.needs.push_back(place->second);
    }
    places[module.path] = modules.size();
    modules.push_back(std::move(module));
  }
  return modules;
}

int module_flags(std::string_view path) {
  for (const std::string_view ending : {".xz", ".zst", ".gz"}) {
    if (path.ends_with(ending)) return kCompressedModule;
  }
  return 0;
}

}  // namespace netns_lab::node
