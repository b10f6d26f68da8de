#include "harness/base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace netns_lab {
namespace {

struct Row {
  const char* name;
  Error error;
  ErrorKind kind;
  const char* message;
};
class ErrorMessage : public ::testing::TestWithParam<Row> {};
TEST_P(ErrorMessage, SaysWhatWasTriedAndWhatCameBack) {
  EXPECT_EQ(GetParam().error.kind, GetParam().kind);
  EXPECT_EQ(GetParam().error.message(), GetParam().message);
}
INSTANTIATE_TEST_SUITE_P(
    Of, ErrorMessage,
    ::testing::Values(
        Row{"SystemCall", Error::system("add route 10.1.0.0/16", EEXIST), ErrorKind::kSystem,
            "add route 10.1.0.0/16: EEXIST (File exists)"},
        Row{"KernelWords", Error::system("add route", EINVAL, "Nexthop has invalid gateway"), ErrorKind::kSystem,
            "add route: EINVAL (Invalid argument); the kernel says: Nexthop has invalid gateway"},
        Row{"UnknownErrno", Error::system("a", 4711), ErrorKind::kSystem, "a: errno 4711 (unknown error)"},
        Row{"Invalid", Error::invalid("address '1'", "not one", "write 10.0.0.1"), ErrorKind::kInvalid,
            "address '1': not one; write 10.0.0.1"},
        Row{"Missing", Error::missing("lab 'x'", "is not up", "netns-lab up"), ErrorKind::kMissing,
            "lab 'x': is not up; netns-lab up"},
        Row{"Taken", Error::taken("veth1", "exists"), ErrorKind::kTaken, "veth1: exists"},
        Row{"Timeout", Error::timeout("wait for veth1", "state DOWN"), ErrorKind::kTimeout,
            "wait for veth1: not in time; last seen: state DOWN"},
        Row{"TimeoutThatSawNothing", Error::timeout("wait", ""), ErrorKind::kTimeout, "wait: not in time"},
        Row{"Lost", Error::lost("agent", "end of stream"), ErrorKind::kLost, "agent: end of stream"},
        Row{"Cancelled", Error::cancelled("ping"), ErrorKind::kCancelled, "ping: cancelled"},
        Row{"Internal", Error::internal("ping", "bug"), ErrorKind::kInternal, "ping: bug"}),
    [](const ::testing::TestParamInfo<Row>& row) { return row.param.name; });

Result<std::unique_ptr<int>> make(bool good) {
  if (!good) return tl::unexpected(Error::internal("make", "bad"));
  return std::make_unique<int>(7);
}
Result<int> with_assign(bool good) {
  NETNS_LAB_ASSIGN(const std::unique_ptr<int> value, make(good));
  return *value;
}
Result<void> with_try(bool good) {
  NETNS_LAB_TRY(make(good));
  return {};
}
TEST(ResultMacros, PassTheValueOn) {
  EXPECT_EQ(with_assign(true), 7);
  EXPECT_TRUE(with_try(true));
}
TEST(ResultMacros, ReturnTheError) {
  EXPECT_EQ(with_assign(false).error(), Error::internal("make", "bad"));
  EXPECT_EQ(with_try(false).error(), Error::internal("make", "bad"));
}

}  // namespace
}  // namespace netns_lab
