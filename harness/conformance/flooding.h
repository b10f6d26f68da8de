// What comes out of a bridge's port behind which nobody is meant: what goes to all shall, what goes to one shall not.
#pragma once

#include <string>
#include <vector>

#include "harness/model/echo.h"

namespace netns_lab {

// What contradicts "the question for a neighbour that `asker` put to all (ARP request, neighbour solicitation) arrived
// at that interface".
std::vector<std::string> question_findings(const EchoReport& report, const std::string& network_namespace,
                                           const std::string& link, const MacAddress& asker);

// What contradicts "no packet of this probe that was meant for one machine arrived at that interface".
std::vector<std::string> unicast_findings(const EchoReport& report, const std::string& network_namespace,
                                          const std::string& link);

}  // namespace netns_lab
