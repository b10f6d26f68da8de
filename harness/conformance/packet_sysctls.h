// The sysctls that decide what a node does with packets: where reading all 566 of a namespace (3 ms and more) is too
// dear, these are compared.
#pragma once

#include <string>
#include <vector>

namespace netns_lab {

// Of the namespace as a whole, of `all` and `default`, and of these links. A name holds '/' for each dot in a link's
// name, as sysctl(8) has it. Source: Documentation/networking/ip-sysctl.rst.
std::vector<std::string> packet_sysctls(const std::vector<std::string>& links);

}  // namespace netns_lab
