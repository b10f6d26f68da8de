// What left the node by its uplink.
#pragma once

#include <string>
#include <vector>

#include "harness/model/echo.h"

namespace netns_lab {

struct Departure {
  std::string link;  // on the node
  IpAddress source;
  std::uint8_t ttl = 0;
};

// What contradicts "every request left there, once, from that source and with that TTL".
std::vector<std::string> departure_findings(const EchoReport& report, const Departure& want);

// What contradicts "no request left there".
std::vector<std::string> no_departure_findings(const EchoReport& report, const std::string& link);

}  // namespace netns_lab
