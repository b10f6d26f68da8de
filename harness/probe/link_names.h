// Interface indexes and names of one namespace, asked through any socket of it (netdevice(7)) and remembered for the
// length of a probe.
#pragma once

#include <map>
#include <string>

#include "harness/base/error.h"

namespace netns_lab::probe {

class LinkNames {
 public:
  // `socket` is borrowed and must outlive this.
  explicit LinkNames(int socket) : socket_(socket) {}
  // "link 7" when there is none with that index (any more).
  const std::string& name(int index);
  // Error: ENODEV when there is no such link.
  Result<int> index(const std::string& name) const;

 private:
  int socket_;
  std::map<int, std::string> names_;
};

}  // namespace netns_lab::probe
