#include "harness/lab/qemu/kernel_image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "harness/base/text.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::qemu {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHead = 68u << 10;
constexpr auto kInstall = "apt-get install linux-image-cloud-amd64, or give another with --kernel FILE";

std::size_t little_endian(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]) | static_cast<std::size_t>(static_cast<std::uint8_t>(bytes[at + 1])) << 8;
}

Result<std::string> read_head(const std::string& path) {
  const std::string attempted = "read the kernel " + path;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string head(kHead, '\0');
  const ssize_t got = file.valid() ? ::pread(file.get(), head.data(), head.size(), 0) : -1;
  if (got >= 0) {
    head.resize(static_cast<std::size_t>(got));
    return head;
  }
  const int code = errno;
  Error error = Error::missing(attempted, fmt::format("{} ({})", errno_name(code), ::strerrordesc_np(code)));
  error.system_errno = 0;
  if (code == EACCES) error.remedy = fmt::format("let this user read it (sudo chmod +r {}), or run as root", path);
  if (code == ENOENT) error.remedy = kInstall;
  return tl::unexpected(std::move(error));
}

// The folder of the release's modules in the first of these places that has one.
std::string modules_in(const std::vector<std::string>& places, const std::string& release) {
  for (const std::string& place : places) {
    const std::string folder = place + "/" + release;
    std::error_code ignored;
    if (fs::exists(folder + "/modules.dep", ignored)) return folder;
  }
  return "";
}

Result<KernelImage> kernel_at(const std::string& path, const std::vector<std::string>& places) {
  NETNS_LAB_ASSIGN(const std::string head, read_head(path));
  auto release = release_of(head);
  if (!release) {
    return tl::unexpected(Error::missing("use the kernel " + path, release.error().detail, kInstall));
  }
  std::string modules = modules_in(places, *release);
  if (modules.empty()) {
    // An unpacked package has no list of them: depmod makes it when the package is installed.
    for (const std::string& place : places) {
      std::error_code ignored;
      if (!fs::exists(place + "/" + *release, ignored)) continue;
      return tl::unexpected(Error::missing(
          fmt::format("find the modules of the kernel {} ({})", path, *release),
          fmt::format("there is no modules.dep in {}/{}", place, *release),
          fmt::format("depmod --basedir {} {}", fs::path(place).parent_path().parent_path().string(), *release)));
    }
    return tl::unexpected(Error::missing(
        fmt::format("find the modules of the kernel {} ({})", path, *release),
        fmt::format("there is no {}/modules.dep in {}", *release, join(places, " or ")),
        fmt::format("install the package the kernel came from (apt-get install linux-image-{})", *release)));
  }
  // Absolute: QEMU is started elsewhere.
  return KernelImage{
      .path = fs::absolute(path).string(), .release = *std::move(release), .modules = std::move(modules)};
}

std::vector<std::string> images_in(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().starts_with("vmlinuz-")) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end(), [](const std::string& one, const std::string& other) {
    return ::strverscmp(one.c_str(), other.c_str()) > 0;
  });
  return paths;
}

}  // namespace

Result<std::string> release_of(std::string_view head) {
  const auto wrong = [](const char* why) {
    return tl::unexpected(Error::invalid("read a kernel's header", fmt::format("it is no x86 kernel image: {}", why)));
  };
  constexpr std::size_t kBootFlag = 0x1FE;
  constexpr std::size_t kMagic = 0x202;
  constexpr std::size_t kVersion = 0x20E;
  constexpr std::size_t kSector = 0x200;
  if (head.size() < kVersion + 2) return wrong("it is too short");
  if (little_endian(head, kBootFlag) != 0xAA55 || head.substr(kMagic, 4) != "HdrS")
    return wrong("it has no boot header");
  const std::size_t at = little_endian(head, kVersion) + kSector;
  if (at == kSector || at >= head.size()) return wrong("its header names no version");
  const std::string_view text = head.substr(at, 200);
  const std::string_view release = text.substr(0, text.find_first_of(std::string_view(" \0", 2)));
  const bool is_printable =
      std::all_of(release.begin(), release.end(), [](char byte) { return byte > ' ' && byte < 0x7F && byte != '/'; });
  if (release.empty() || release.size() == text.size() || !is_printable) return wrong("its version is no text");
  return std::string(release);
}

Result<KernelImage> find_kernel(const std::string& file, const KernelPlaces& places) {
  if (!file.empty()) {
    const std::string beside = (fs::absolute(file).parent_path().parent_path() / "lib/modules").string();
    return kernel_at(file, {places.modules, beside});
  }
  std::vector<std::string> refused;
  std::string remedy;
  for (const std::string& path : images_in(places.boot)) {
    auto kernel = kernel_at(path, {places.modules});
    if (kernel) return kernel;
    refused.push_back(kernel.error().attempted + ": " + kernel.error().detail);
    if (remedy.empty()) remedy = kernel.error().remedy;
  }
  if (refused.empty()) {
    return tl::unexpected(Error::missing("find a kernel for a virtual machine",
                                         fmt::format("there is no {}/vmlinuz-*", places.boot), kInstall));
  }
  return tl::unexpected(Error::missing("find a kernel for a virtual machine", join(refused, "; "), remedy));
}

}  // namespace netns_lab::qemu
