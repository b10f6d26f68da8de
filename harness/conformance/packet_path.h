// The way a packet should take through what stands: from namespace to namespace, as the kernels on it say when they are
// asked, and by which interfaces.
//
//   const Path there = path_of(world, {.from = 0, .destination = destination, .source = source}, lookup);
//   for (const Point& point : there.points) ...   // veth11 of netns1 sends, veth10 of node-1 receives, br0 …
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/echo.h"
#include "harness/model/filter_verdict.h"
#include "harness/model/packet_drop.h"
#include "harness/model/route.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

// A network namespace of a node.
struct Place {
  std::string name;  // as sightings name it: "netns1", "" the node, "netns1 on node-2", "node-2"
  std::size_t node = 0;
  std::string network_namespace;  // on that node; "" its own
  std::string uplink{};           // of a node's own namespace: the link to the segment; "" none
  NamespaceState now{};
  std::vector<FilterVerdict> filtered{};          // of those packets
  bool lost_filtered = false;                     // some of that is not known
  std::map<std::string, std::int64_t> counted{};  // by how much its counters moved while the packets were under way

  std::string said() const { return name.empty() ? "the node" : name; }
  bool has_address(const IpAddress& address) const;
  // It has the address, but not the kernel's own route to it: it takes in nothing that comes for it.
  bool lacks_own_route(const IpAddress& address) const;
  std::int64_t count(const std::string& counter) const;  // 0 of one that is not there
  std::string sysctl(const std::string& key) const;      // "" of one that was not read
};

// Everything that can be seen of a lab.
struct World {
  std::vector<Place> places;

  std::optional<std::size_t> find(const std::string& name) const;
  const Place& at(std::size_t place) const { return places.at(place); }
  struct End {
    std::size_t place = 0;
    std::string link;
    bool operator==(const End&) const = default;
  };
  // The other end of a veth; none where it is in no namespace of the lab.
  std::optional<End> peer(std::size_t place, const Link& link) const;
};

// Where a packet can be seen.
struct Point {
  std::size_t place = 0;
  std::string link;
  PacketDirection direction = PacketDirection::kReceived;
  bool operator==(const Point&) const = default;
};

// What one kernel does with it.
struct Stage {
  std::size_t place = 0;
  std::string in_link;  // "" where it is made
  RouteAnswer route;
  IpAddress next_hop;         // where the route is unicast
  std::size_t first_point{};  // of Path::points: where it can be seen next
  IpAddress destination{};    // for whom it is when its kernel looks for a way
};

struct Path {
  enum class End {
    kArrives,      // at its destination, or as far as can be told
    kRefused,      // the last stage's kernel has no way
    kNobody,       // what the last stage sends to has no such address
    kLeaves,       // it leaves by an uplink for a machine that is no node of the lab
    kGoesInRings,  // it comes to a namespace for the second time
  };
  End end = End::kRefused;
  std::vector<Stage> stages;  // the first where the packet is made
  std::vector<Point> points;  // in the order in which it passes them
};

// Asks the kernel of a place.
using Lookup = std::function<RouteAnswer(const Place& place, const RouteQuery& query)>;

struct PathQuestion {
  std::size_t from = 0;
  IpAddress destination;
  std::optional<IpAddress> source;  // none: the one that the first kernel chooses
  bool is_bound = false;            // the first kernel is told the source, as for an answer, and does not choose it
  // Whose kernel gives it another destination when it takes it in: the answer to a packet that it translated (RFC 3022,
  // 4.1).
  struct Translation {
    std::size_t place = 0;
    IpAddress destination;
  };
  std::optional<Translation> translated{};
};
Path path_of(const World& world, const PathQuestion& question, const Lookup& lookup);

}  // namespace netns_lab
