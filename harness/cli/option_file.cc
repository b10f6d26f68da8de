#include "harness/cli/option_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "harness/base/text.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::cli {

Result<std::string> read_option_file(const std::string& option, const std::string& path, std::size_t most) {
  const std::string attempted = option + " " + visible(path, 200);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) {
    return tl::unexpected(Error::invalid(attempted, fmt::format("it cannot be read: {}", errno_name(errno))));
  }
  if (!S_ISREG(status.st_mode)) return tl::unexpected(Error::invalid(attempted, "it is not a file"));
  std::string text(most + 1, '\0');
  const ssize_t got = ::read(file.get(), text.data(), text.size());
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace netns_lab::cli
