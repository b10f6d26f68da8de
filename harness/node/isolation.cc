#include "harness/node/isolation.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "harness/base/text.h"
#include "harness/netns/mount_table.h"
#include "harness/node/isolation_kernel.h"
#include "harness/node/isolation_mount.h"
#include "harness/node/isolation_overlay.h"
#include "harness/node/isolation_sudo.h"

namespace netns_lab::node {
namespace {

constexpr auto kHomeFolder = "/home/ubuntu";  // where the tutorial's scripts expect to be
// What is written on the node is kept in memory: no target may use up the machine's.
constexpr auto kRoom = "mode=0755,size=10%";

Result<void> make_folder(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  return tl::unexpected(Error::system(fmt::format("create folder {}", path), errno));
}

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// Attaches the empty folder `own` of ours at `path`, hiding what the machine has there.
Result<void> attach_own(const std::string& own, const std::string& path) {
  NETNS_LAB_TRY(make_folder(own, 0755));
  NETNS_LAB_TRY(make_folder(path, 0755));
  NETNS_LAB_ASSIGN(const UniqueFd copy, copy_of_mount(own, Subtree::kThisMountOnly));
  return attach_mount(copy, path);
}

Result<std::vector<std::string>> list_folder(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), ::closedir);
  if (!listing) return tl::unexpected(Error::system(fmt::format("list folder {}", folder), errno));
  std::vector<std::string> paths;
  while (const dirent* item = ::readdir(listing.get())) {
    const std::string name = item->d_name;
    if (name != "." && name != "..") paths.push_back(folder + "/" + name);
  }
  return paths;
}

Result<void> furnish_fully(const std::string& own, Isolation& made) {
  NETNS_LAB_ASSIGN(const MountTable table, MountTable::read());
  std::vector<std::string> mount_points;
  for (const MountEntry& entry : table.entries()) mount_points.push_back(entry.mount_point);
  NETNS_LAB_TRY(prepare_scratch(own));
  for (const char* folder : {"/etc", "/var", "/tmp", "/home", "/root"}) {
    if (!is_folder(folder)) continue;
    NETNS_LAB_ASSIGN(const Cover cover, cover_writable(folder, own, mount_points));
    made.writable.insert(made.writable.end(), cover.writable.begin(), cover.writable.end());
    for (const std::string& parted : cover.parted) {
      NETNS_LAB_ASSIGN(const std::vector<std::string> held, list_folder(parted));
      made.made_by_setup.insert(made.made_by_setup.end(), held.begin(), held.end());
    }
    if (!cover.parted.empty()) {
      made.lost.push_back(
          fmt::format("{} cannot be overlaid here: {} read-only", join(cover.parted, " and "),
                      cover.read_only.empty() ? "the files right in it are" : "what the machine has there is"));
    }
  }
  NETNS_LAB_TRY(attach_own(own + "/ubuntu", kHomeFolder));
  if (const auto sudo = install_sudo(own); !sudo) {
    made.lost.push_back("there is no sudo on this node: " + sudo.error().message());
  }
  return {};
}

Result<void> furnish_plainly(const std::string& own, Isolation& made) {
  for (const char* folder : {"/tmp", "/home"}) {
    if (!is_folder(folder)) continue;
    const std::string name = own + folder;
    const mode_t mode = std::string(folder) == "/tmp" ? 01777 : 0755;
    NETNS_LAB_TRY(make_folder(name, mode));
    ::chmod(name.c_str(), mode);
    NETNS_LAB_TRY(attach_own(name, folder));
    made.writable.emplace_back(folder, folder);
  }
  return make_folder(kHomeFolder, 0755);
}

}  // namespace

Result<Isolation> isolate(const IsolationSpec& spec) {
  if (::sethostname(spec.host_name.data(), spec.host_name.size()) != 0) {
    return tl::unexpected(Error::system(fmt::format("set the host name {}", spec.host_name), errno));
  }
  NETNS_LAB_TRY(make_mounts_private());
  UniqueFd journal;
  if (!spec.journal_directory.empty()) {
    NETNS_LAB_ASSIGN(journal, copy_of_mount(spec.journal_directory, Subtree::kThisMountOnly));
  }
  NETNS_LAB_TRY(make_read_only("/", Subtree::kWithMountsBelow));

  Isolation made;
  const std::string own = kOwnFolder;
  NETNS_LAB_TRY(mount_file_system("tmpfs", "/run", MS_NOSUID | MS_NODEV, kRoom));
  NETNS_LAB_TRY(make_folder(own, 0755));
  NETNS_LAB_TRY(make_folder("/run/lock", 01777));
  ::chmod("/run/lock", 01777);
  if (journal.valid()) {
    NETNS_LAB_TRY(make_folder(own + "/journal", 0700));
    NETNS_LAB_TRY(attach_mount(journal, own + "/journal"));
  }
  made.writable.emplace_back("/run", "/run");
  made.writable.emplace_back("/dev", "/dev");
  made.made_by_setup = {own, "/run/lock", kHomeFolder};
  if (spec.furnishing != Furnishing::kBare) {
    NETNS_LAB_TRY(spec.furnishing == Furnishing::kFull ? furnish_fully(own, made) : furnish_plainly(own, made));
    made.writable.emplace_back(kHomeFolder, kHomeFolder);
  }

  if (!spec.kept.empty()) {
    NETNS_LAB_TRY(make_writable(spec.kept));
    made.writable.emplace_back(spec.kept, spec.kept);
  }

  NETNS_LAB_ASSIGN(const auto lost_proc, mount_proc());
  NETNS_LAB_ASSIGN(const auto lost_sys, mount_sys());
  NETNS_LAB_ASSIGN(const auto made_in_dev, mount_dev());
  made.made_by_setup.insert(made.made_by_setup.end(), made_in_dev.begin(), made_in_dev.end());
  made.lost.insert(made.lost.end(), lost_proc.begin(), lost_proc.end());
  made.lost.insert(made.lost.end(), lost_sys.begin(), lost_sys.end());
  return made;
}

}  // namespace netns_lab::node
