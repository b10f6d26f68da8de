#include "harness/target/script_files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "harness/target/env_file.h"

namespace netns_lab {
namespace {

namespace fs = std::filesystem;

constexpr auto kSetup = "setup.sh";
constexpr auto kTeardown = "teardown.sh";
constexpr auto kEnvironment = "env.sh";

tl::unexpected<Error> refused(const std::string& path, std::string detail, std::string remedy = "") {
  return tl::unexpected(Error::invalid("read script target " + path, std::move(detail), std::move(remedy)));
}

Result<ScriptFile> read_file(const fs::path& path, const std::string& name, const std::string& target) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return refused(target, fmt::format("{}: {}", name, std::strerror(errno)));
  if (static_cast<std::uintmax_t>(status.st_size) > kMostScriptBytes) {
    return refused(
        target,
        fmt::format("{} has {} bytes; a script's files may have {} together", name, status.st_size, kMostScriptBytes),
        "move the script and what it needs into a folder of its own");
  }
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream bytes;
  if (!stream || (status.st_size > 0 && !(bytes << stream.rdbuf()))) {
    return refused(target, name + " cannot be read", "chmod +r " + path.string());
  }
  ScriptFile file;
  file.name = name;
  file.mode = status.st_mode & 0777;
  file.bytes = bytes.str();
  return file;
}

// All regular files below `folder`, sub-folders to the given depth.
class FolderReader {
 public:
  explicit FolderReader(std::string target) : target_(std::move(target)) {}

  Result<void> read(const fs::path& folder, const std::string& prefix, int depth) {
    std::error_code problem;
    fs::directory_iterator entries(folder, problem);
    if (problem) return refused(target_, fmt::format("folder {}: {}", folder.string(), problem.message()));
    for (const fs::directory_entry& entry : entries) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory(problem) && !entry.is_symlink(problem)) {
        if (name.front() == '.') continue;
        if (depth == 0) {
          return refused(target_,
                         fmt::format("folder {} is more than {} folders deep", prefix + name, kDeepestScriptFolder));
        }
        NETNS_LAB_TRY(read(entry.path(), prefix + name + "/", depth - 1));
      } else if (entry.is_regular_file(problem)) {
        NETNS_LAB_TRY(take(entry.path(), prefix + name));
      }  // sockets, devices, links to nowhere: nothing that a script is given
    }
    return {};
  }

  std::vector<ScriptFile> files() && {
    std::sort(files_.begin(), files_.end(), [](const ScriptFile& a, const ScriptFile& b) { return a.name < b.name; });
    return std::move(files_);
  }

 private:
  Result<void> take(const fs::path& path, const std::string& name) {
    constexpr auto kRemedy = "move the script and what it needs into a folder of its own";
    if (files_.size() == kMostScriptFiles) {
      return refused(target_, fmt::format("there are more than {} files beside it", kMostScriptFiles), kRemedy);
    }
    NETNS_LAB_ASSIGN(ScriptFile file, read_file(path, name, target_));
    bytes_ += file.bytes.size();
    if (bytes_ > kMostScriptBytes) {
      return refused(target_, fmt::format("the files beside it have more than {} bytes together", kMostScriptBytes),
                     kRemedy);
    }
    files_.push_back(std::move(file));
    return {};
  }

  std::string target_;
  std::vector<ScriptFile> files_;
  std::size_t bytes_ = 0;
};

Result<void> check_executable(const ScriptFile& file, const fs::path& folder) {
  if ((file.mode & 0111) != 0) return {};
  return refused((folder / file.name).string(), "it is not executable", "chmod +x " + (folder / file.name).string());
}

}  // namespace

const ScriptFile* ScriptFiles::find(const std::string& name) const {
  for (const ScriptFile& file : files) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

Result<ScriptFiles> read_script_files(const std::string& path) {
  if (path.empty()) {
    return tl::unexpected(
        Error::invalid("read target script:", "it names no script", "script:PATH, a script or a folder with setup.sh"));
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return refused(path, errno == ENOENT ? "there is no such file or folder" : std::strerror(errno));
  const bool is_folder = S_ISDIR(status.st_mode);
  if (!is_folder && !S_ISREG(status.st_mode)) return refused(path, "it is neither a file nor a folder");

  ScriptFiles script;
  fs::path folder = path;
  script.setup = kSetup;
  if (!is_folder) {
    script.setup = folder.filename().string();
    folder = folder.has_parent_path() ? folder.parent_path() : fs::path(".");
  }
  FolderReader reader(path);
  NETNS_LAB_TRY(reader.read(folder, "", kDeepestScriptFolder));
  script.files = std::move(reader).files();

  for (const std::string& name : {script.setup, std::string(kTeardown), std::string(kEnvironment)}) {
    struct stat there {};
    if (script.find(name) != nullptr || ::stat((folder / name).c_str(), &there) != 0) continue;
    return refused((folder / name).string(), "it is no regular file",
                   name == kEnvironment ? "a file of assignments, NAME=value" : "a script that can be executed");
  }
  const ScriptFile* setup = script.find(script.setup);
  if (setup == nullptr)
    return refused(path, fmt::format("the folder has no {}", script.setup),
                   "script:PATH, a script or a folder with setup.sh");
  if (setup->bytes.empty()) return refused((folder / script.setup).string(), "it is empty");
  NETNS_LAB_TRY(check_executable(*setup, folder));
  if (const ScriptFile* teardown = script.find(kTeardown); teardown != nullptr && script.setup != kTeardown) {
    NETNS_LAB_TRY(check_executable(*teardown, folder));
    script.teardown = kTeardown;
  }
  const ScriptFile* const environment = script.find(kEnvironment);
  if (environment != nullptr) {
    NETNS_LAB_ASSIGN(script.parameters, parse_env_file(environment->bytes, (folder / kEnvironment).string()));
  }
  return script;
}

}  // namespace netns_lab
