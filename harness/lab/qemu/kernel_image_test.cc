#include "harness/lab/qemu/kernel_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include <filesystem>
#include <fstream>

namespace netns_lab::qemu {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// The beginning of a bzImage as far as it is looked at (Documentation/arch/x86/boot.rst).
std::string image_of(const std::string& version) {
  std::string head(0x800, '\0');
  head[0x1FE] = '\x55';
  head[0x1FF] = '\xAA';
  head.replace(0x202, 4, "HdrS");
  head[0x20E] = '\x00';
  head[0x20F] = '\x02';  // at 0x200 + 0x200
  head.replace(0x400, version.size(), version);
  return head;
}

TEST(KernelRelease, StandsInTheImagesHeader) {
  EXPECT_EQ(release_of(image_of("6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP")),
            "6.1.0-56-cloud-amd64");
  EXPECT_EQ(release_of(image_of("6.18.3")), "6.18.3");
}

struct NoKernel {
  std::string name;
  std::string bytes;
  std::string told;
};
void PrintTo(const NoKernel& row, std::ostream* out) { *out << row.name; }

std::string changed(std::string image, std::size_t at, const std::string& bytes) {
  return image.replace(at, bytes.size(), bytes);
}

class KernelReleaseOf : public ::testing::TestWithParam<NoKernel> {};

TEST_P(KernelReleaseOf, WhatIsNoKernelIsRefused) {
  const auto release = release_of(GetParam().bytes);
  ASSERT_FALSE(release.has_value()) << *release;
  EXPECT_EQ(release.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(release.error().message(), HasSubstr(GetParam().told));
}

INSTANTIATE_TEST_SUITE_P(
    Every, KernelReleaseOf,
    ::testing::Values(NoKernel{"Empty", "", "too short"}, NoKernel{"Short", std::string(0x20F, 'x'), "too short"},
                      NoKernel{"Text", std::string(0x1000, 'x'), "no boot header"},
                      NoKernel{"WithoutMagic", changed(image_of("6.1"), 0x202, "hdrs"), "no boot header"},
                      NoKernel{"VersionNowhere", changed(image_of("6.1"), 0x20E, std::string(2, '\0')), "no version"},
                      NoKernel{"VersionBehindTheEnd", changed(image_of("6.1"), 0x20E, "\xFF\xFF"), "no version"},
                      NoKernel{"VersionWithoutEnd", image_of(std::string(0x400, 'x')), "no text"},
                      NoKernel{"VersionWithASlash", image_of("../../etc"), "no text"},
                      NoKernel{"VersionOfControls", image_of("6\x01 x"), "no text"},
                      NoKernel{"VersionEmpty", image_of(" 6.1"), "no text"}),
    [](const auto& row) { return row.param.name; });

// A /boot and a /lib/modules of the test's own.
class Kernels : public ::testing::Test {
 protected:
  Kernels() {
    std::string pattern = ::testing::TempDir() + "kernels-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = pattern;
    places_ = {.boot = folder_ / "boot", .modules = folder_ / "modules"};
    fs::create_directories(places_.boot);
  }
  ~Kernels() override { fs::remove_all(folder_); }

  std::string put(const std::string& name, const std::string& bytes) const {
    const fs::path path = fs::path(places_.boot) / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  void put_modules(const std::string& release) const {
    fs::create_directories(fs::path(places_.modules) / release);
    std::ofstream(fs::path(places_.modules) / release / "modules.dep") << "";
  }

  fs::path folder_;
  KernelPlaces places_;
};

TEST_F(Kernels, TheNewestThatHasModulesIsTaken) {
  put("vmlinuz-6.1.0-9-amd64", image_of("6.1.0-9-amd64 x"));
  const std::string newest = put("vmlinuz-6.1.0-56-amd64", image_of("6.1.0-56-amd64 x"));
  put("vmlinuz-6.9.0-1-amd64", image_of("6.9.0-1-amd64 x"));
  put("config-6.1.0-56-amd64", "");
  put_modules("6.1.0-9-amd64");
  put_modules("6.1.0-56-amd64");
  const auto kernel = find_kernel("", places_);
  ASSERT_TRUE(kernel.has_value()) << kernel.error();
  EXPECT_EQ(*kernel, (KernelImage{newest, "6.1.0-56-amd64", places_.modules + "/6.1.0-56-amd64"}));
}

TEST_F(Kernels, NoneIsMissingAndWhatToInstallIsSaid) {
  const auto kernel = find_kernel("", places_);
  ASSERT_FALSE(kernel.has_value());
  EXPECT_EQ(kernel.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(kernel.error().message(), HasSubstr("apt-get install linux-image-cloud-amd64"));
}

TEST_F(Kernels, OneWithoutModulesIsMissingThem) {
  put("vmlinuz-6.1.0-56-amd64", image_of("6.1.0-56-amd64 x"));
  const auto kernel = find_kernel("", places_);
  ASSERT_FALSE(kernel.has_value());
  EXPECT_EQ(kernel.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(kernel.error().message(), HasSubstr("apt-get install linux-image-6.1.0-56-amd64"));
}

TEST_F(Kernels, AFileHasItsModulesBesideItsFolderToo) {
  const std::string file = put("vmlinuz-5.10", image_of("5.10.0 x"));
  fs::create_directories(folder_ / "lib/modules/5.10.0");
  std::ofstream(folder_ / "lib/modules/5.10.0/modules.dep") << "";
  const auto kernel = find_kernel(file, places_);
  ASSERT_TRUE(kernel.has_value()) << kernel.error();
  EXPECT_EQ(kernel->modules, (folder_ / "lib/modules/5.10.0").string());
}

TEST_F(Kernels, ThatWasUnpackedAndNotInstalledSaysWhatMakesTheListOfItsModules) {
  const std::string file = put("vmlinuz-5.10", image_of("5.10.0 x"));
  fs::create_directories(folder_ / "lib/modules/5.10.0/kernel");
  const auto kernel = find_kernel(file, places_);
  ASSERT_FALSE(kernel.has_value());
  EXPECT_THAT(kernel.error().message(), HasSubstr("depmod --basedir " + folder_.string() + " 5.10.0"));
}

TEST_F(Kernels, AFileThatIsNoneOrNotThereIsMissing) {
  for (const auto& [file, told] :
       {std::pair(put("notes", "hello"), "it is no x86 kernel image"), std::pair(places_.boot + "/nosuch", "ENOENT")}) {
    const auto kernel = find_kernel(file, places_);
    ASSERT_FALSE(kernel.has_value());
    EXPECT_EQ(kernel.error().kind, ErrorKind::kMissing);
    EXPECT_THAT(kernel.error().message(), HasSubstr(told));
    EXPECT_THAT(kernel.error().message(), HasSubstr(file));
  }
}

// Root may read every file; this takes the right to away from the thread (capabilities(7)).
class WithoutOverride {
 public:
  WithoutOverride() {
    change([](std::uint32_t effective) { return effective & ~kOverride; });
  }
  ~WithoutOverride() {
    change([](std::uint32_t effective) { return effective | kOverride; });
  }
  WithoutOverride(const WithoutOverride&) = delete;
  WithoutOverride& operator=(const WithoutOverride&) = delete;

 private:
  static constexpr std::uint32_t kOverride = 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH;

  template <typename Change>
  static void change(Change how) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[2] = {};
    ASSERT_EQ(::syscall(SYS_capget, &header, data), 0);
    data[0].effective = how(data[0].effective) & data[0].permitted;
    ASSERT_EQ(::syscall(SYS_capset, &header, data), 0);
  }
};

TEST_F(Kernels, OneThatMayNotBeReadSaysWhatMendsIt) {
  const std::string file = put("vmlinuz-6.1", image_of("6.1 x"));
  ::chmod(file.c_str(), 0);
  const WithoutOverride no_override;
  const auto kernel = find_kernel("", places_);
  ASSERT_FALSE(kernel.has_value());
  EXPECT_EQ(kernel.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(kernel.error().message(), HasSubstr("sudo chmod +r " + file));
}

}  // namespace
}  // namespace netns_lab::qemu
