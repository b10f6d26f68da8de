#include "harness/node/sandbox_refusal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace netns_lab::node {
namespace {

using ::testing::HasSubstr;

struct Row {
  const char* name;
  int system_errno;
  NamespaceSettings settings;
  ErrorKind kind;
  const char* remedy;  // part of it
};

NamespaceSettings settings(const std::string& clone, const std::string& apparmor, bool in_container,
                           const std::string& quota = "100") {
  NamespaceSettings made;
  made.max_user_namespaces = quota;
  made.max_net_namespaces = "7";
  made.unprivileged_clone = clone;
  made.apparmor_restricts = apparmor;
  made.in_container = in_container;
  return made;
}

class Refusal : public ::testing::TestWithParam<Row> {};

TEST_P(Refusal, NamesWhatMendsIt) {
  const Error error = explain_refusal("make a user namespace", GetParam().system_errno, GetParam().settings);
  EXPECT_EQ(error.kind, GetParam().kind);
  EXPECT_EQ(error.system_errno, GetParam().system_errno);
  EXPECT_THAT(error.remedy, HasSubstr(GetParam().remedy));
  EXPECT_EQ(error.message().find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Refusal,
    ::testing::Values(
        Row{"Quota", ENOSPC, settings("", "", false), ErrorKind::kMissing,
            "sysctl user.max_user_namespaces=65536 user.max_net_namespaces=65536"},
        Row{"QuotaSaysWhatItIs", ENOSPC, settings("", "", false), ErrorKind::kMissing, "user.max_net_namespaces=7"},
        Row{"Nesting", EUSERS, settings("", "", false), ErrorKind::kMissing, "32 levels"},
        Row{"ReadOnlyProcSys", EROFS, settings("", "", true), ErrorKind::kMissing,
            "--security-opt systempaths=unconfined"},
        Row{"DebiansSwitch", EPERM, settings("0", "", false), ErrorKind::kMissing,
            "sysctl kernel.unprivileged_userns_clone=1"},
        Row{"UbuntusAppArmor", EPERM, settings("", "1", false), ErrorKind::kMissing,
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
        Row{"AppArmorOnAMount", EACCES, settings("1", "1", false), ErrorKind::kMissing,
            "apparmor_restrict_unprivileged_userns=0"},
        Row{"TurnedOff", EPERM, settings("", "", false, "0"), ErrorKind::kMissing,
            "sysctl user.max_user_namespaces=65536"},
        Row{"Container", EPERM, settings("", "", true), ErrorKind::kMissing, "--security-opt seccomp=unconfined"},
        Row{"Unknown", EPERM, settings("1", "0", false), ErrorKind::kMissing, "doctor"},
        Row{"NotTheOwnersAffair", ENOMEM, settings("", "", false), ErrorKind::kSystem, ""}),
    [](const auto& row) { return row.param.name; });

TEST(Refusal, LeavesOtherErrorsAlone) {
  const Error error = Error::invalid("name a namespace", "it is empty");
  EXPECT_EQ(explain_refusal(error, settings("0", "1", true)), error);
}

}  // namespace
}  // namespace netns_lab::node
