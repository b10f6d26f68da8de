// The `native` target: the scenario's own topology, applied by netlink. It is what a right network is, and as quick as
// it gets.
#pragma once

#include <string>
#include <vector>

#include "harness/target/target.h"

namespace netns_lab {

class NativeTarget final : public Target {
 public:
  const std::string& name() const override { return name_; }
  std::vector<Family> families() const override { return {Family::kIpv4, Family::kIpv6}; }
  bool is_builtin() const override { return true; }
  // A change that the node's kernel refuses (EEXIST, …) is the outcome's failure; only a lost lab is an Error.
  Result<TargetOutcome> build(Node& node, const BuildTask& task) override;
  Result<TargetOutcome> tear_down(Node& node, const BuildTask& task) override;

 private:
  std::string name_ = "native";
};

}  // namespace netns_lab
