#include "harness/netns/netns.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <thread>

namespace netns_lab {
namespace {

using ::testing::HasSubstr;

std::uint64_t inode_of(const char* path) {
  struct stat status {};
  return ::stat(path, &status) == 0 ? status.st_ino : 0;
}

// The flags of `lo` as the namespace of `socket` has them: told by the socket alone, whatever namespace we are in.
int loopback_flags(const UniqueFd& socket) {
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  return ::ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0 ? request.ifr_flags : -1;
}

void raise_loopback(const UniqueFd& socket) {
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  ASSERT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0) << std::strerror(errno);
}

TEST(NetworkNamespace, CreateMakesAnotherOneAndStaysWhereItWas) {
  const std::uint64_t before = inode_of("/proc/thread-self/ns/net");
  const auto made = NetworkNamespace::create();
  ASSERT_TRUE(made) << made.error();
  EXPECT_NE(made->inode(), before);
  EXPECT_EQ(inode_of("/proc/thread-self/ns/net"), before);
}

TEST(NetworkNamespace, CurrentIsTheThreadsOwn) {
  const auto current = NetworkNamespace::current();
  ASSERT_TRUE(current) << current.error();
  EXPECT_EQ(current->inode(), inode_of("/proc/thread-self/ns/net"));
}

TEST(NetworkNamespace, OfProcessIsTheSameNamespaceByIdentity) {
  const auto current = NetworkNamespace::current();
  const auto same = NetworkNamespace::of_process(::getpid());
  ASSERT_TRUE(same) << same.error();
  EXPECT_EQ(same->identity(), current->identity());
}

TEST(NetworkNamespace, DuplicateOutlivesTheFirstOwner) {
  auto made = NetworkNamespace::create();
  ASSERT_TRUE(made) << made.error();
  auto copy = made->duplicate();
  ASSERT_TRUE(copy) << copy.error();
  const NamespaceIdentity identity = made->identity();
  { const NetworkNamespace gone = *std::move(made); }
  EXPECT_EQ(copy->identity(), identity);
  EXPECT_TRUE(socket_in(*copy, AF_INET, SOCK_DGRAM, 0));
}

TEST(SocketIn, MakesTheSocketThereAndComesBack) {
  const auto made = NetworkNamespace::create();
  ASSERT_TRUE(made) << made.error();
  const std::uint64_t before = inode_of("/proc/thread-self/ns/net");
  const auto there = socket_in(*made, AF_INET, SOCK_DGRAM, 0);
  ASSERT_TRUE(there) << there.error();
  EXPECT_EQ(inode_of("/proc/thread-self/ns/net"), before);

  const UniqueFd here(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int flags_here = loopback_flags(here);
  raise_loopback(*there);
  EXPECT_TRUE(loopback_flags(*there) & IFF_UP);
  EXPECT_EQ(loopback_flags(here), flags_here) << "the socket acted upon our own namespace";
}

TEST(SocketIn, SetsCloseOnExec) {
  const auto made = NetworkNamespace::create();
  ASSERT_TRUE(made) << made.error();
  const auto socket = socket_in(*made, AF_INET, SOCK_DGRAM, 0);
  ASSERT_TRUE(socket) << socket.error();
  EXPECT_TRUE(::fcntl(socket->get(), F_GETFD) & FD_CLOEXEC);
}

TEST(SocketIn, ComesBackWhenTheKernelRefusesTheSocket) {
  const auto made = NetworkNamespace::create();
  ASSERT_TRUE(made) << made.error();
  const std::uint64_t before = inode_of("/proc/thread-self/ns/net");
  const auto refused = socket_in(*made, AF_INET, SOCK_STREAM, IPPROTO_UDP);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().system_errno, EPROTONOSUPPORT);
  EXPECT_EQ(inode_of("/proc/thread-self/ns/net"), before);
}

TEST(SocketIn, LeavesOtherThreadsWhereTheyAre) {
  const auto made = NetworkNamespace::create();
  ASSERT_TRUE(made) << made.error();
  std::uint64_t other_before = 0;
  std::uint64_t other_during = 0;
  const auto inside = within(*made, [&]() -> Result<void> {
    std::uint64_t mine = inode_of("/proc/thread-self/ns/net");
    EXPECT_EQ(mine, made->inode());
    other_during = inode_of("/proc/self/ns/net");  // the main thread's: this test runs on it
    return {};
  });
  ASSERT_TRUE(inside) << inside.error();
  std::thread([&] { other_before = inode_of("/proc/thread-self/ns/net"); }).join();
  EXPECT_NE(other_before, made->inode());
  EXPECT_EQ(other_during, made->inode());
}

TEST(OpenIn, OpensTheNamespacesOwnSysctl) {
  const auto made = NetworkNamespace::create();
  ASSERT_TRUE(made) << made.error();
  const auto file = open_in(*made, "/proc/sys/net/ipv4/ip_default_ttl", O_RDWR);
  ASSERT_TRUE(file) << file.error();
  ASSERT_EQ(::write(file->get(), "33", 2), 2);
  const UniqueFd here(::open("/proc/sys/net/ipv4/ip_default_ttl", O_RDONLY | O_CLOEXEC));
  char text[8] = {};
  ASSERT_GT(::read(here.get(), text, sizeof text - 1), 0);
  EXPECT_STREQ(text, "64\n");
}

TEST(Within, ReturnsWhatTheActionSays) {
  const auto made = NetworkNamespace::create();
  ASSERT_TRUE(made) << made.error();
  const auto said = within(*made, []() -> Result<void> { return tl::unexpected(Error::internal("try", "no")); });
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error(), Error::internal("try", "no"));
}

struct NotANetwork {
  const char* name;
  const char* path;
  ErrorKind kind;
  const char* says;
};
class OpenRefuses : public ::testing::TestWithParam<NotANetwork> {};

TEST_P(OpenRefuses, WithTheReason) {
  const auto opened = NetworkNamespace::open(GetParam().path);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, GetParam().kind);
  EXPECT_THAT(opened.error().message(), HasSubstr(GetParam().says));
  EXPECT_THAT(opened.error().message(), HasSubstr(GetParam().path));
}

INSTANTIATE_TEST_SUITE_P(
    Paths, OpenRefuses,
    ::testing::Values(NotANetwork{"Absent", "/run/no-such-namespace", ErrorKind::kMissing, "ENOENT"},
                      NotANetwork{"PlainFile", "/etc/passwd", ErrorKind::kInvalid, "not a namespace"},
                      NotANetwork{"Device", "/dev/null", ErrorKind::kInvalid, "not a namespace"},
                      NotANetwork{"Folder", "/", ErrorKind::kInvalid, "not a namespace"},
                      NotANetwork{"OtherKind", "/proc/self/ns/uts", ErrorKind::kInvalid, "another kind"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab
