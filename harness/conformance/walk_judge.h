// What may have become of a packet between two points of its way: the questions of diagnosis.cc, each answered from
// what was observed. Every function names what it found, or nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/conformance/diagnosis.h"

namespace netns_lab {

// Of a namespace that has the address: what asks its routing table takes it for somebody else's.
inline constexpr auto kOwnRouteGone =
    "its kernel's own route to it is gone (ip route show table local; add the address anew)";

// What keeps a link from carrying anything: it is not there, down, or without carrier.
std::optional<Diagnosis> judge_link(const World& world, std::size_t place, const std::string& link);

// One direction of the walk.
class WalkJudge {
 public:
  enum class Direction { kThere, kBack };
  WalkJudge(const WalkEvidence& evidence, Direction direction);

  const Path& path() const { return path_; }
  bool was_seen(const Point& point) const;
  std::size_t times_seen(const Point& point) const;
  std::optional<std::size_t> first_unseen() const;  // of path().points
  std::string what() const;                         // "the request", "the reply"
  std::string text(const Point& point) const;       // "veth2 (netns1)"

  // The kernel of this stage: has it a way? `at` is of path().stages.
  std::optional<Diagnosis> judge_route(std::size_t at) const;
  // points[at] is the first at which it was not seen.
  Diagnosis judge_gap(std::size_t at) const;
  // It was seen at the last point and taken in there, or not.
  std::optional<Diagnosis> judge_addressee(const Point& arrived) const;
  // Why the namespace in which it arrived gave no answer; the way back has been asked for already.
  Diagnosis judge_silence(std::size_t place, const std::string& in_link) const;
  // Fewer of them at one point than at the point before; `before` have come so far.
  std::optional<Diagnosis> judge_loss(std::size_t& before) const;
  // Something on the way made another packet of it.
  std::optional<Diagnosis> judge_rewriting() const;
  // It was answered though it did not go where it should: somebody else did.
  std::optional<Diagnosis> judge_shortcut() const;
  // ICMP errors that somebody on the way sent.
  std::optional<Diagnosis> judge_problems(const std::string& so_far) const;

  // "a packet filter: table inet extra, chain in (1 rule)" of those at these hooks; "" when there is none.
  // Where the kernel's trace tells, the rule alone. Of those that drop, none that only gives packets another source.
  enum class Does { kDrop, kAnything };
  std::string filters(std::size_t place, const std::vector<std::string>& hooks, const std::string& family = "",
                      Does does = Does::kDrop) const;

  // "the kernel's own reason, behind veth2: IP_RPFILTER (3 packets)" for what it dropped behind this link ("": before
  // any); "" where it tells none.
  std::string reasons(const std::string& link) const;

 private:
  const Place& place(const Point& point) const { return evidence_.world.at(point.place); }
  const Link* link(const Point& point) const { return place(point).now.find_link(point.link); }
  // By the kernel's trace: the rule that took a packet there, of a chain at one of these hooks or one that such jumps
  // to. "": none.
  std::string traced_filter(std::size_t place, const std::vector<std::string>& hooks) const;
  bool only_gives_sources(std::size_t place, const FilterHook& hook) const;
  std::size_t stage_before(std::size_t at) const;
  bool begins_stage(std::size_t at) const;
  std::string so_far(std::size_t at) const;
  const Sighting* sighting_at(const Point& point) const;

  std::optional<Diagnosis> rewritten(std::size_t place, const std::string& where, const std::string& change) const;
  std::optional<Diagnosis> judge_first_look() const;
  std::optional<Diagnosis> judge_link(const Point& point) const {
    return netns_lab::judge_link(evidence_.world, point.place, point.link);
  }
  std::optional<Diagnosis> judge_sending(std::size_t at) const;
  std::optional<Diagnosis> judge_queue(std::size_t at) const;
  std::optional<Diagnosis> judge_detour(std::size_t at) const;
  std::optional<Diagnosis> judge_forwarding(std::size_t at) const;
  std::optional<Diagnosis> judge_reverse_path(std::size_t place, const std::string& in_link,
                                              const std::string& so_far) const;
  enum class Part { kQuestion, kAnswer };  // of ARP and neighbour discovery
  bool saw_neighbours(const Point& point, Part part, PacketDirection direction, const IpAddress& about) const;
  std::string why_unanswered(const Point& owner, const IpAddress& address) const;
  std::optional<Diagnosis> judge_resolution(std::size_t at) const;
  std::optional<Diagnosis> judge_wire(std::size_t at) const;
  std::optional<Diagnosis> judge_bridge(std::size_t at, const std::string& before) const;
  // points[at] and the one before are a bridge and a port of it, or two ports.
  bool is_within_bridge(std::size_t at) const;
  // A node may give these packets another address that way: the source there, and back the destination.
  bool is_translation(Direction direction) const {
    return evidence_.trace.may_be_translated && direction_ == direction;
  }
  Diagnosis dropped_between(std::size_t at, Diagnosis::Step step) const;

  const WalkEvidence& evidence_;
  Direction direction_;
  const Path& path_;
  const std::vector<Sighting>& seen_;
  bool v4_;
};

}  // namespace netns_lab
