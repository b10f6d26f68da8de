// A further container on the bridge, of our own, that has no address and only listens. Removed with this value.
#pragma once

#include <string>

#include "harness/testing/subject.h"

namespace netns_lab::bridge {

class ThirdPort {
 public:
  static constexpr auto kLink = "eth0";  // inside
  static Result<ThirdPort> create(Subject& subject);
  ThirdPort(ThirdPort&& other) noexcept;
  ThirdPort& operator=(ThirdPort&&) = delete;
  ~ThirdPort();

  const std::string& name() const { return name_; }  // of its namespace

 private:
  explicit ThirdPort(Subject& subject) : subject_(&subject), name_("netns-lab-third0") {}
  Subject* subject_;
  std::string name_;
};

}  // namespace netns_lab::bridge
