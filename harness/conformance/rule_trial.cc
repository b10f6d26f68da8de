#include "harness/conformance/rule_trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <limits>
#include <set>
#include <utility>

#include "harness/base/text.h"

namespace netns_lab {
namespace {

enum class Holds { kNo, kMaybe, kYes };

constexpr std::size_t kMostNamed = 1'000;
constexpr std::size_t kEverywhere = std::numeric_limits<std::size_t>::max();

unsigned digit(char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); }
char to_digit(unsigned value) { return "0123456789abcdef"[value & 15U]; }

// Of digits, 8 or 32.
IpAddress address_of(const std::string& digits) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2)
    bytes.push_back(static_cast<std::uint8_t>(digit(digits[at]) * 16 + digit(digits[at + 1])));
  return IpAddress::from_bytes(bytes);
}

// Where an address stands in its header (RFC 791, 3.1; RFC 8200, 3).
std::size_t offset_of(Family family, AddressEnd end) {
  if (family == Family::kIpv4) return end == AddressEnd::kSource ? 12 : 16;
  return end == AddressEnd::kSource ? 8 : 24;
}

class Packet {
 public:
  explicit Packet(const TrialPacket& packet) : family_(packet.source.family()), known_(packet.known) {
    // What is not known is blank.
    std::string network(80, ' ');
    for (const AddressEnd end : {AddressEnd::kSource, AddressEnd::kDestination}) {
      const IpAddress& address = end == AddressEnd::kSource ? packet.source : packet.destination;
      network.replace(2 * offset_of(family_, end), 2 * address.size(), hexadecimal(address.bytes()));
    }
    const bool v4 = family_ == Family::kIpv4;
    if (packet.protocol) {
      known_["protocol"] = fmt::format("{:02x}", *packet.protocol);
      network.replace(v4 ? 18 : 12, 2, known_["protocol"]);
    }
    known_["network"] = std::move(network);
    if (packet.destination_port) known_["transport"] = fmt::format("    {:04x}", *packet.destination_port);
    known_["family"] = v4 ? "02" : "0a";  // NFPROTO_IPV4, NFPROTO_IPV6
    known_["ethertype"] = v4 ? "0800" : "86dd";
  }

  void set_mark(const std::string& mark) {
    known_["mark"] = mark;
    if (mark.empty()) known_.erase("mark");
  }

  Holds holds(const PacketField& field) const {
    const auto found = known_.find(field.of);
    const std::size_t begin = 2 * std::size_t{field.offset};
    const std::size_t size = field.first.size();
    if (found == known_.end() || found->second.size() < begin + size || field.last.size() != size) return Holds::kMaybe;
    std::string bytes = found->second.substr(begin, size);
    if (bytes.find(' ') != std::string::npos) return Holds::kMaybe;
    for (std::size_t at = 0; at < std::min(size, field.mask.size()); ++at)
      bytes[at] = to_digit(digit(bytes[at]) & digit(field.mask[at]));
    return field.first <= bytes && bytes <= field.last ? Holds::kYes : Holds::kNo;
  }

  Holds holds(const std::vector<PacketField>& fields) const {
    Holds all = Holds::kYes;
    for (const PacketField& field : fields) all = std::min(all, holds(field));
    return all;
  }

  Holds holds(const PacketMatch& match) const {
    Holds any = Holds::kNo;
    for (const auto& fields : match.any) any = std::max(any, holds(fields));
    if (!match.negated || any == Holds::kMaybe) return any;
    return any == Holds::kYes ? Holds::kNo : Holds::kYes;
  }

  Holds holds(const PacketStep& step) const {
    Holds all = Holds::kYes;
    for (const PacketMatch& match : step.asks) all = std::min(all, holds(match));
    return all;
  }

  // Does the step ask for such an address, not for any but such?
  bool asks_for(const PacketStep& step, AddressEnd end) const {
    const std::size_t at = offset_of(family_, end);
    return std::any_of(step.asks.begin(), step.asks.end(), [&](const PacketMatch& match) {
      return !match.negated && std::any_of(match.any.begin(), match.any.end(), [&](const auto& fields) {
        return holds(fields) != Holds::kNo && std::any_of(fields.begin(), fields.end(), [&](const PacketField& field) {
                 return field.of == "network" && field.offset <= at && at < field.offset + field.first.size() / 2;
               });
      });
    });
  }

 private:
  Family family_;
  std::map<std::string, std::string> known_;
};

// How far a packet has come in a chain.
struct State {
  std::size_t at = 0;
  std::string mark = "00000000";  // "" not known
  // Up to which step it is one that asked for its source, or destination, that led here.
  std::size_t source_until = 0;
  std::size_t destination_until = 0;
  bool has_source = false;  // it was given one
  auto operator<=>(const State&) const = default;
};

class Run {
 public:
  Run(const PacketChain& chain, Packet& packet, Trial& trial) : steps_(chain.steps), packet_(packet), trial_(trial) {}

  // With which marks it leaves.
  std::set<State> from(const std::set<State>& begins) {
    for (const State& begin : begins)
      go({0, begin.mark, begin.source_until, begin.destination_until, begin.has_source});
    while (!open_.empty()) {
      State state = *open_.begin();
      open_.erase(open_.begin());
      take(std::move(state));
    }
    return std::move(left_);
  }

 private:
  void go(State state) {
    if (state.at >= steps_.size()) return leave(std::move(state));
    if (seen_.insert(state).second) open_.insert(std::move(state));
  }
  void leave(State state) {
    state.at = 0;
    if (state.source_until != kEverywhere) state.source_until = 0;
    if (state.destination_until != kEverywhere) state.destination_until = 0;
    left_.insert(std::move(state));
  }
  void on_to(State state, std::size_t at) {
    state.at = at;
    if (state.source_until <= at) state.source_until = 0;
    if (state.destination_until <= at) state.destination_until = 0;
    go(std::move(state));
  }

  void take(State state) {
    const PacketStep& step = steps_[state.at];
    const std::size_t next = state.at + 1;
    const std::size_t behind = next + step.skip;
    packet_.set_mark(state.mark);
    const Holds holds = packet_.holds(step);
    if (step.does == "unknown") trial_.is_cut = true;
    if (holds != Holds::kYes) on_to(state, step.does == "unless" ? behind : next);
    if (holds == Holds::kNo) return;
    const bool by_source = packet_.asks_for(step, AddressEnd::kSource);
    const bool by_destination = packet_.asks_for(step, AddressEnd::kDestination);
    if (step.does == "skip") return on_to(std::move(state), behind);
    if (step.does == "source" || step.does == "destination") {
      (step.does == "source" ? trial_.may_give_source : trial_.may_give_destination) = true;
      trial_.by_source = trial_.by_source || by_source || state.source_until != 0;
      trial_.by_destination = trial_.by_destination || by_destination || state.destination_until != 0;
      state.has_source = state.has_source || step.does == "source";
      if (step.does == "source" && !step.value.empty()) add_source(address_of(step.value));
    }
    if (step.does != "unless" && step.does != "mark") return leave(std::move(state));
    const std::size_t until = step.does == "mark" ? kEverywhere : behind;
    if (by_source) state.source_until = std::max(state.source_until, until);
    if (by_destination) state.destination_until = std::max(state.destination_until, until);
    if (step.does == "mark") change_mark(state.mark, step);
    on_to(std::move(state), next);
  }

  void add_source(const IpAddress& address) {
    const bool is_new = std::find(trial_.sources.begin(), trial_.sources.end(), address) == trial_.sources.end();
    if (is_new) trial_.sources.push_back(address);
  }

  static void change_mark(std::string& mark, const PacketStep& step) {
    constexpr std::size_t kDigits = 8;
    const bool keeps_nothing = step.mask == "00000000";
    if (step.value.size() != kDigits || step.mask.size() != kDigits || (mark.empty() && !keeps_nothing)) {
      mark.clear();
      return;
    }
    if (mark.empty()) mark = step.mask;
    for (std::size_t at = 0; at < kDigits; ++at)
      mark[at] = to_digit((digit(mark[at]) & digit(step.mask[at])) ^ digit(step.value[at]));
  }

  const std::vector<PacketStep>& steps_;
  Packet& packet_;
  Trial& trial_;
  std::set<State> open_;
  std::set<State> seen_;
  std::set<State> left_;
};

// The next address up (or down); it wraps.
IpAddress next_to(const IpAddress& address, bool up) {
  std::vector<std::uint8_t> bytes(address.bytes().begin(), address.bytes().end());
  for (std::size_t at = bytes.size(); at-- > 0;) {
    if (up ? ++bytes[at] != 0 : bytes[at]-- != 0) break;
  }
  return IpAddress::from_bytes(bytes);
}

}  // namespace

std::string name_bytes(const std::string& link) {
  std::string padded = link;
  padded.resize(16, '\0');
  return hexadecimal({reinterpret_cast<const std::uint8_t*>(padded.data()), padded.size()});
}

std::string number_bytes(std::uint32_t number) { return fmt::format("{:08x}", number); }

Trial try_packet(const std::vector<PacketChain>& chains, const TrialPacket& packet,
                 const std::vector<std::string>& hooks) {
  Trial trial;
  Packet tried(packet);
  std::set<State> states = {State()};
  for (const std::string& hook : hooks) {
    for (const PacketChain& chain : chains) {
      if (chain.hook == hook) states = Run(chain, tried, trial).from(states);
    }
  }
  trial.may_keep_source =
      std::any_of(states.begin(), states.end(), [](const State& state) { return !state.has_source; });
  return trial;
}

NamedAddresses addresses_named(const std::vector<PacketChain>& chains, Family family, AddressEnd end, bool neighbours) {
  const std::size_t begin = 2 * offset_of(family, end);
  const std::size_t size = 2 * IpAddress::unspecified(family).size();
  std::set<IpAddress> named;
  bool is_cut = false;
  const auto name = [&](const PacketField& field) {
    const std::size_t at = 2 * std::size_t{field.offset};
    const std::size_t length = field.first.size();
    if (field.of != "network" || at > begin || at + length <= begin || field.last.size() != length) return;
    const auto part = [&](const std::string& digits, char otherwise) {
      std::string whole = digits.substr(begin - at, size);
      whole.resize(size, otherwise);
      return whole;
    };
    std::string first = part(field.first, '0');
    std::string last = part(field.last, 'f');
    if (!field.mask.empty() && field.mask.size() == length) {
      const std::string mask = part(field.mask, '0');
      for (std::size_t i = 0; i < size; ++i) last[i] = to_digit(digit(last[i]) | (~digit(mask[i]) & 15U));
      // The bits that are asked for, and of the others some.
      const std::string some = size == 8 ? "cb007142" : "20010db8007700000000000000000042";
      std::string mixed = some;
      for (std::size_t i = 0; i < size; ++i)
        mixed[i] = to_digit((digit(some[i]) & ~digit(mask[i])) | (digit(first[i]) & digit(mask[i])));
      named.insert(address_of(mixed));
    }
    for (const IpAddress& address : {address_of(first), address_of(last)}) {
      named.insert(address);
      if (!neighbours) continue;
      named.insert(next_to(address, true));
      named.insert(next_to(address, false));
    }
  };
  for (const PacketChain& chain : chains) {
    for (const PacketStep& step : chain.steps) {
      for (const PacketMatch& match : step.asks) {
        for (const auto& fields : match.any) {
          for (const PacketField& field : fields) {
            is_cut = is_cut || named.size() >= kMostNamed;
            if (!is_cut) name(field);
          }
        }
      }
    }
  }
  return {{named.begin(), named.end()}, is_cut};
}

}  // namespace netns_lab
