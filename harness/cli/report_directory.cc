#include "harness/cli/report_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "harness/base/text.h"

namespace netns_lab::cli {
namespace {

Error unusable(const std::string& path, int code) {
  return Error::invalid("--report-dir " + visible(path, 200),
                        fmt::format("it cannot be written: {} ({})", errno_name(code), std::strerror(code)),
                        "name another one");
}

}  // namespace

Result<ReportDirectory> ReportDirectory::open(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  if (trimmed.empty()) return tl::unexpected(Error::invalid("--report-dir", "it is empty", "name a folder"));
  std::error_code failed;
  std::filesystem::create_directories(trimmed, failed);
  if (failed) return tl::unexpected(unusable(path, failed.value()));
  UniqueFd folder(::open(trimmed.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return tl::unexpected(unusable(path, errno));
  if (::faccessat(folder.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) return tl::unexpected(unusable(path, errno));
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return tl::unexpected(unusable(path, errno));
    return tl::unexpected(Error::taken("--report-dir " + visible(path, 200), "another netns-lab run is writing there",
                                       "name another one, or wait until that run has ended"));
  }
  return ReportDirectory(std::move(trimmed), std::move(folder));
}

Error ReportDirectory::refused(const Error& why) const {
  return Error::invalid("--report-dir " + visible(path_, 200), why.message(), "name another one");
}

}  // namespace netns_lab::cli
