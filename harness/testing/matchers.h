// Matchers over what nodes report. Each prints what was expected, what was seen, and every contradiction on a line of
// its own.
//
//   EXPECT_THAT(report, EveryEchoAnswered(From(container), Crossing(way), PayloadIntact()));
//   EXPECT_THAT(after(), NothingUndeclared(Area::kLinks, before(), declared()));
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/conformance/closed_world.h"
#include "harness/conformance/departure.h"
#include "harness/conformance/reachability.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

// A matcher from a judgement: it matches when the judgement finds nothing against the value.
template <typename Value>
class FindingsMatcher : public ::testing::MatcherInterface<const Value&> {
 public:
  using Judge = std::function<std::vector<std::string>(const Value&)>;
  FindingsMatcher(std::string claim, Judge judge) : claim_(std::move(claim)), judge_(std::move(judge)) {}

  bool MatchAndExplain(const Value& value, ::testing::MatchResultListener* listener) const override {
    const std::vector<std::string> findings = judge_(value);
    for (const std::string& finding : findings) *listener << "\n  - " << finding;
    return findings.empty();
  }
  void DescribeTo(std::ostream* out) const override { *out << claim_; }
  void DescribeNegationTo(std::ostream* out) const override { *out << "not: " << claim_; }

 private:
  std::string claim_;
  Judge judge_;
};

template <typename Value>
::testing::Matcher<const Value&> finds_nothing(std::string claim, typename FindingsMatcher<Value>::Judge judge) {
  return ::testing::MakeMatcher(new FindingsMatcher<Value>(std::move(claim), std::move(judge)));
}

// Parts of EveryEchoAnswered.
struct From {  // replies come from there
  explicit From(IpAddress from) : address(from) {}
  IpAddress address;
};
struct SentFrom {  // requests arrive from there
  explicit SentFrom(IpAddress from) : address(from) {}
  IpAddress address;
};
struct Crossing {
  explicit Crossing(Way crossed) : way(std::move(crossed)) {}
  Way way;
};
struct ArrivingWithTtl {
  explicit ArrivingWithTtl(std::uint8_t arriving) : ttl(arriving) {}
  std::uint8_t ttl;
};
struct PayloadIntact {};
struct InFragments {};

namespace matcher_detail {
inline void add(EchoExpectation& want, const From& part) { want.reply_from = part.address; }
inline void add(EchoExpectation& want, const SentFrom& part) { want.request_from = part.address; }
inline void add(EchoExpectation& want, const Crossing& part) { want.way = part.way; }
inline void add(EchoExpectation& want, const ArrivingWithTtl& part) { want.ttl = part.ttl; }
inline void add(EchoExpectation& want, const PayloadIntact&) { want.payload_intact = true; }
inline void add(EchoExpectation& want, const InFragments&) { want.fragmented = true; }
std::string claim_of(const EchoExpectation& want);
}  // namespace matcher_detail

template <typename... Parts>
::testing::Matcher<const EchoReport&> EveryEchoAnswered(const Parts&... parts) {
  EchoExpectation want;
  (matcher_detail::add(want, parts), ...);
  return finds_nothing<EchoReport>(matcher_detail::claim_of(want),
                                   [want](const EchoReport& report) { return echo_findings(report, want); });
}

// The sender's kernel refused every echo with this errno, and nothing was seen at the far end.
::testing::Matcher<const EchoReport&> RefusedLocally(int system_errno, const Way& way);
// No request of the probe arrived at that interface.
::testing::Matcher<const EchoReport&> NothingArrivesAt(const std::string& network_namespace, const std::string& link);
// Every request arrived there with that TTL, whatever became of the replies.
::testing::Matcher<const EchoReport&> EveryRequestArrivesAt(const std::string& network_namespace,
                                                            const std::string& link, std::uint8_t ttl);
// The question that `asker` put to all for a neighbour's link-layer address arrived at that interface.
::testing::Matcher<const EchoReport&> QuestionArrivesAt(const std::string& network_namespace, const std::string& link,
                                                        const MacAddress& asker);
// Nothing of the probe that was meant for one machine arrived there.
::testing::Matcher<const EchoReport&> NoUnicastArrivesAt(const std::string& network_namespace, const std::string& link);
// Every request of the probe left the node by its uplink as it must look there; none did.
::testing::Matcher<const EchoReport&> EveryRequestLeaves(const Departure& want);
::testing::Matcher<const EchoReport&> NothingLeaves(const std::string& link);
// The near end asked for the far end's link-layer address and the far end itself answered.
::testing::Matcher<const EchoReport&> ResolvedBetween(const Way& way, const MacAddress& near_mac,
                                                      const MacAddress& far_mac);
// Everything sent came back intact across this way.
::testing::Matcher<const ExchangeReport&> CameBackIntact(const Way& way);

// Nothing that nobody declared, in one area.
::testing::Matcher<const Snapshot&> NothingUndeclared(Area area, const Snapshot& before, const Declaration& declared);
// The node is as it was before.
::testing::Matcher<const Snapshot&> SameAsBefore(const Snapshot& before);

// What is declared was built as in `first`, and nothing that nobody declared stands on the node beside it.
::testing::Matcher<const Snapshot&> BuiltLike(const Snapshot& first, const Snapshot& before,
                                              const Declaration& declared);

// On a NamespaceState: it has the link, and the link matches.
::testing::Matcher<const NamespaceState&> HasLink(
    const std::string& name, const ::testing::Matcher<const Link&>& inner = ::testing::A<const Link&>());
// On a NamespaceState: the link has exactly these addresses; exactly one route leads to that destination, the declared
// one.
::testing::Matcher<const NamespaceState&> HasExactlyAddresses(const std::string& link,
                                                              const std::vector<Prefix>& declared);
::testing::Matcher<const NamespaceState&> HasExactlyRoute(const Route& declared);
// On a RouteAnswer: unicast, out of this link, by this gateway (none: on the link itself), in the main table; with this
// source, where one is given.
::testing::Matcher<const RouteAnswer&> Chooses(const std::string& link, const std::optional<IpAddress>& gateway,
                                               const std::optional<IpAddress>& source = std::nullopt);
// On a Link.
::testing::Matcher<const Link&> OfKind(const std::string& kind);
::testing::Matcher<const Link&> WithFlags(std::uint32_t flags);  // exactly these IFF_* bits
::testing::Matcher<const Link&> WithoutMaster();                 // no port of a bridge, bond or VRF
::testing::Matcher<const Link&> UpWithCarrier(OperState operstate);

// On a Result<T>.
MATCHER(IsOk, "is a success") {
  if (arg) return true;
  *result_listener << "which is an error: " << arg.error().message();
  return false;
}
MATCHER_P(IsOkAndHolds, inner, "is a success and holds a matching value") {
  if (!arg) {
    *result_listener << "which is an error: " << arg.error().message();
    return false;
  }
  return ::testing::ExplainMatchResult(inner, *arg, result_listener);
}

// For GoogleTest, which prints bytes otherwise.
void PrintTo(const Snapshot& snapshot, std::ostream* out);
void PrintTo(const NamespaceState& state, std::ostream* out);

}  // namespace netns_lab
