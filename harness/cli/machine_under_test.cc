#include "harness/cli/machine_under_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "harness/lab/qemu/acceleration.h"
#include "harness/lab/qemu/initramfs.h"
#include "harness/lab/qemu/kernel_image.h"
#include "harness/lab/qemu/machine.h"
#include "harness/process/launch.h"
#include "harness/protocol/guest.h"

namespace netns_lab::cli {
namespace {

namespace fs = std::filesystem;

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> found;
  std::error_code gone;
  for (const auto& thread : fs::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    std::ifstream file(thread.path() / "children");
    found.insert(found.end(), std::istream_iterator<pid_t>(file), std::istream_iterator<pid_t>());
  }
  return found;
}

void add_machines_below(pid_t pid, std::vector<pid_t>& found) {
  for (const pid_t child : children_of(pid)) {
    std::ifstream file("/proc/" + std::to_string(child) + "/comm");
    std::string name;
    std::getline(file, name);
    if (name.starts_with("qemu-system")) found.push_back(child);
    add_machines_below(child, found);
  }
}

}  // namespace

std::string missing_for_machines() {
  qemu::QemuSpec spec;
  if (const auto program = qemu::check_program(spec); !program) return program.error().message();
  if (const auto kernel = qemu::find_kernel(""); !kernel) return kernel.error().message();
  return "";
}

std::vector<pid_t> machines_below() {
  std::vector<pid_t> found;
  add_machines_below(::getpid(), found);
  return found;
}

std::vector<std::string> left_by(const CommandUnderTest& command) {
  std::vector<std::string> left = CommandUnderTest::leavings();
  std::error_code missing;
  for (const auto& folder : fs::directory_iterator(command.folder() + "/run/netns-lab", missing)) {
    left.push_back(folder.path().string());
  }
  return left;
}

void expect_all_errors(const CommandUnderTest& command, const Ran& ran, std::size_t cases) {
  using namespace ::testing;
  EXPECT_EQ(ran.status, 3) << ran;
  EXPECT_THAT(ran.output, HasSubstr(std::to_string(cases) + " errors"));
  EXPECT_THAT(command.report_lines("<error"), AllOf(SizeIs(Ge(cases - 2)), Each(HasSubstr("ended"))));
  EXPECT_THAT(command.report_lines("<failure"), IsEmpty());
  EXPECT_THAT(command.report("junit.xml"), EndsWith("</testsuites>\n"));
}

QemuInTheWay::QemuInTheWay(CommandUnderTest& command) : folder_(command.folder() + "/in-the-way"), command_(command) {
  fs::create_directory(folder_);
  write();
  command.environment["PATH"] = folder_ + ":" + command.environment["PATH"];
}

void QemuInTheWay::in_guest(const std::string& script) {
  in_guest_from_the_beginning("until pgrep -f ^hanging >/dev/null; do sleep 0.1; done\n" + script);
}

void QemuInTheWay::in_guest_from_the_beginning(const std::string& script) {
  const std::string text =
      "#!/bin/bash\n"
      "{\n"
      "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
      "until [ -e /proc/self/stat ] && [ -e /dev/null ]; do sleep 0.1; done  # the first process mounts them\n" +
      script +
      "\n} </dev/console &\n"
      "exec " +
      protocol::kGuestProgram + " \"$@\"\n";
  qemu::Initramfs more;
  more.file("beside", 0755, text);
  std::ofstream(folder_ + "/more", std::ios::binary) << std::move(more).finish();
  // The kernel unpacks one archive behind another.
  before_start(
      "cat /proc/self/fd/5 \"$here/more\" >\"$here/archive\"\n"
      "change /proc/self/fd/5 \"$here/archive\"\n"
      "change rdinit=" +
      std::string(protocol::kGuestProgram) + " rdinit=/beside\n");
}

void QemuInTheWay::before_start(const std::string& lines) {
  lines_ += lines;
  write();
}

void QemuInTheWay::write() const {
  qemu::QemuSpec real;
  const std::string program = process::find_program(qemu::qemu_command(real));
  command_.write("in-the-way/" + real.program,
                 "#!/bin/bash\n"
                 "here=" +
                     folder_ +
                     "\n"
                     "args=(\"$@\")\n"
                     "change() { local i; for i in \"${!args[@]}\"; do args[i]=${args[i]//$1/$2}; done; }\n" +
                     lines_ + "exec " + program + " \"${args[@]}\"\n",
                 0755);
}

MachineCommand::MachineCommand() {
  struct Folder {
    std::string path = ::testing::TempDir() + "netns-lab-cache-XXXXXX";
    Folder() {
      if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
    }
    ~Folder() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  };
  static const Folder known;
  environment["XDG_CACHE_HOME"] = known.path;
}

void without_kvm(const CommandUnderTest& command) {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::getline(file, boot);
  qemu::KvmFailure(command.folder() + "/.cache/netns-lab", boot).remember();
}

std::string hanging_target(const CommandUnderTest& command) {
  return command.write("hangs/setup.sh", "#!/bin/bash\nexec -a hanging sleep 600\n", 0755);
}

}  // namespace netns_lab::cli
