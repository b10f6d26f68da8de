#include "harness/netlink/nft_registers.h"

#include <netinet/in.h>

#include <linux/netfilter.h>

#include <algorithm>
#include <bit>
#include <map>

#include "harness/base/text.h"
#include "harness/netlink/nft_match.h"

namespace netns_lab::netlink {
namespace {

template <typename Word>
Word reversed(Word word) {
  if constexpr (std::endian::native == std::endian::little) std::reverse(word.begin(), word.end());
  return word;
}

bool is_zero(const std::array<std::uint8_t, 4>& word) { return word == std::array<std::uint8_t, 4>{}; }

}  // namespace

std::size_t NftRegisters::slot_of(std::uint32_t reg) {
  if (reg >= NFT_REG_1 && reg <= NFT_REG_4) return (reg - NFT_REG_1) * 4;
  return reg >= NFT_REG32_00 && reg <= NFT_REG32_15 ? reg - NFT_REG32_00 : kSlots;
}

NftRegisters::Word NftRegisters::word(const std::vector<std::uint8_t>& bytes, std::size_t at) {
  Word word{};
  for (std::size_t i = 0; i < word.size() && at + i < bytes.size(); ++i) word.at(i) = bytes[at + i];
  return word;
}

void NftRegisters::put(std::uint32_t reg, const std::string& of, unsigned offset, std::size_t size, bool of_the_host) {
  ++loads_;
  std::size_t slot = slot_of(reg);
  for (std::size_t at = 0; at < size && slot < kSlots; at += 4, ++slot) {
    slots_.at(slot) = Slot{.of = of,
                           .offset = static_cast<std::uint16_t>(offset + at),
                           .size = std::min<std::size_t>(4, size - at),
                           .load = loads_,
                           .of_the_host = of_the_host};
  }
}

void NftRegisters::load_constant(std::uint32_t reg, const std::vector<std::uint8_t>& bytes) {
  std::size_t slot = slot_of(reg);
  for (std::size_t at = 0; at < bytes.size() && slot < kSlots; at += 4, ++slot) {
    slots_.at(slot) = Slot();
    slots_.at(slot).constant = word(bytes, at);
  }
}

void NftRegisters::forget(std::uint32_t reg, std::size_t size) {
  std::size_t slot = slot_of(reg);
  for (std::size_t at = 0; at < size && slot < kSlots; at += 4, ++slot) slots_.at(slot) = Slot();
}

bool NftRegisters::load(const std::string& name, const NftAttributes& attributes) {
  if (name == "meta" && attributes.contains(NFTA_META_DREG)) {
    meta(attributes);
  } else if (name == "payload" && attributes.contains(NFTA_PAYLOAD_DREG)) {
    payload(attributes);
  } else if (name == "ct" && attributes.contains(NFTA_CT_DREG)) {
    connection(attributes);
  } else if (name == "fib") {
    fib(attributes);
  } else if (name == "bitwise") {
    bitwise(attributes);
  } else if (name == "byteorder") {
    byteorder(attributes);
  } else if (name == "numgen" || name == "hash" || name == "rt" || name == "socket" || name == "osf" ||
             name == "xfrm" || name == "tunnel" || name == "exthdr" || name == "inner") {
    slots_ = {};  // which of them is not asked
    return name != "exthdr" || !attributes.contains(NFTA_EXTHDR_SREG);
  } else {
    return false;
  }
  return true;
}

void NftRegisters::meta(const NftAttributes& attributes) {
  struct Known {
    const char* of;
    std::size_t size;
    bool of_the_host;
  };
  static const std::map<std::uint32_t, Known> kKnown = {{NFT_META_PROTOCOL, {"ethertype", 2, false}},
                                                        {NFT_META_NFPROTO, {"family", 1, false}},
                                                        {NFT_META_L4PROTO, {"protocol", 1, false}},
                                                        {NFT_META_MARK, {"mark", 4, true}},
                                                        {NFT_META_IIF, {"iif", 4, true}},
                                                        {NFT_META_OIF, {"oif", 4, true}},
                                                        {NFT_META_IIFNAME, {"iifname", 16, false}},
                                                        {NFT_META_OIFNAME, {"oifname", 16, false}}};
  const std::uint32_t reg = number(attributes, NFTA_META_DREG);
  const auto found = kKnown.find(number(attributes, NFTA_META_KEY));
  if (found == kKnown.end()) return forget(reg, 16);
  put(reg, found->second.of, 0, found->second.size, found->second.of_the_host);
}

void NftRegisters::payload(const NftAttributes& attributes) {
  const std::uint32_t reg = number(attributes, NFTA_PAYLOAD_DREG);
  const std::uint32_t base = number(attributes, NFTA_PAYLOAD_BASE);
  const std::uint32_t offset = number(attributes, NFTA_PAYLOAD_OFFSET);
  const std::uint32_t length = number(attributes, NFTA_PAYLOAD_LEN);
  const bool is_known = (base == NFT_PAYLOAD_NETWORK_HEADER || base == NFT_PAYLOAD_TRANSPORT_HEADER) && offset < 256;
  if (!is_known) return forget(reg, length);
  put(reg, base == NFT_PAYLOAD_NETWORK_HEADER ? "network" : "transport", offset, length);
}

// What a connection began with is what its first packet has, before it is translated.
void NftRegisters::connection(const NftAttributes& attributes) {
  const std::uint32_t reg = number(attributes, NFTA_CT_DREG);
  const auto direction = attributes.find(NFTA_CT_DIRECTION);
  const bool is_first = direction != attributes.end() && !direction->second.empty() && direction->second[0] == 0;
  const bool v4 = family_ == NFPROTO_IPV4;
  const bool has_family = v4 || family_ == NFPROTO_IPV6;
  const std::size_t size = v4 ? 4 : 16;
  forget(reg, 16);
  switch (number(attributes, NFTA_CT_KEY)) {
    case NFT_CT_STATE:
      return put(reg, "ct state", 0, 4, true);
    case NFT_CT_STATUS:
      return put(reg, "ct status", 0, 4, true);
    case NFT_CT_DIRECTION:
      return put(reg, "ct direction", 0, 1);
    case NFT_CT_SRC:
      return is_first && has_family ? put(reg, "network", v4 ? 12 : 8, size) : void();
    case NFT_CT_DST:
      return is_first && has_family ? put(reg, "network", v4 ? 16 : 24, size) : void();
    case NFT_CT_SRC_IP:
      return is_first ? put(reg, "network", 12, 4) : void();
    case NFT_CT_DST_IP:
      return is_first ? put(reg, "network", 16, 4) : void();
    case NFT_CT_SRC_IP6:
      return is_first ? put(reg, "network", 8, 16) : void();
    case NFT_CT_DST_IP6:
      return is_first ? put(reg, "network", 24, 16) : void();
    default:
      return;
  }
}

void NftRegisters::fib(const NftAttributes& attributes) {
  const std::uint32_t reg = number(attributes, NFTA_FIB_DREG);
  const std::uint32_t flags = number(attributes, NFTA_FIB_FLAGS);
  forget(reg, 16);
  if (number(attributes, NFTA_FIB_RESULT) != NFT_FIB_RESULT_ADDRTYPE) return;
  if (flags == NFTA_FIB_F_SADDR || flags == NFTA_FIB_F_DADDR)
    put(reg, flags == NFTA_FIB_F_SADDR ? "saddr type" : "daddr type", 0, 4, true);
}

void NftRegisters::bitwise(const NftAttributes& attributes) {
  const std::uint32_t target = number(attributes, NFTA_BITWISE_DREG);
  const std::size_t size = number(attributes, NFTA_BITWISE_LEN);
  if (number(attributes, NFTA_BITWISE_OP) != 0) return forget(target, size);  // shifted, or by another register
  const auto masks = value(attributes, NFTA_BITWISE_MASK);
  const auto flips = value(attributes, NFTA_BITWISE_XOR);
  const std::size_t from = slot_of(number(attributes, NFTA_BITWISE_SREG));
  const std::size_t to = slot_of(target);
  for (std::size_t i = 0; i * 4 < size && from + i < kSlots && to + i < kSlots; ++i) {
    Slot slot = slots_.at(from + i);
    Word mask = word(masks, i * 4);
    Word flip = word(flips, i * 4);
    if (slot.of_the_host) mask = reversed(mask), flip = reversed(flip);
    for (std::size_t at = 0; at < 4; ++at) {
      slot.mask.at(at) &= mask.at(at);
      slot.flipped.at(at) = static_cast<std::uint8_t>((slot.flipped.at(at) & mask.at(at)) ^ flip.at(at));
      if (slot.constant)
        slot.constant->at(at) = static_cast<std::uint8_t>((slot.constant->at(at) & mask.at(at)) ^ flip.at(at));
    }
    slots_.at(to + i) = slot;
  }
}

void NftRegisters::byteorder(const NftAttributes& attributes) {
  const std::uint32_t target = number(attributes, NFTA_BYTEORDER_DREG);
  const std::size_t size = number(attributes, NFTA_BYTEORDER_LEN);
  const std::size_t from = slot_of(number(attributes, NFTA_BYTEORDER_SREG));
  const std::size_t to = slot_of(target);
  if (number(attributes, NFTA_BYTEORDER_SIZE) != 4 || size > 4 || from >= kSlots || to >= kSlots)
    return forget(target, size);
  Slot slot = slots_.at(from);
  slot.of_the_host = !slot.of_the_host;
  if (slot.constant) slot.constant = reversed(*slot.constant);
  slots_.at(to) = slot;
}

std::vector<PacketField> NftRegisters::fields(std::uint32_t reg, const std::vector<std::uint8_t>& first,
                                              const std::vector<std::uint8_t>& last) const {
  std::vector<PacketField> fields;
  unsigned load = 0;
  std::size_t end = 0;  // of what was taken of that load
  std::size_t slot_number = slot_of(reg);
  for (std::size_t at = 0; at < first.size(); at += 4, ++slot_number) {
    const Slot slot = slot_number < kSlots ? slots_.at(slot_number) : Slot();
    Word least = word(first, at);
    Word most = word(last, at);
    if (slot.of_the_host) least = reversed(least), most = reversed(most);
    const bool is_range = least != most;
    for (std::size_t i = 0; i < 4; ++i) {
      least.at(i) ^= slot.flipped.at(i);
      most.at(i) ^= slot.flipped.at(i);
    }
    if (slot.of.empty() || (is_range && !is_zero(slot.flipped))) {
      fields.emplace_back();
      load = 0;
      continue;
    }
    const std::size_t size = std::min(slot.size, first.size() - at);
    PacketField field{slot.of, slot.offset, hexadecimal(Bytes(slot.mask.data(), size)),
                      hexadecimal(Bytes(least.data(), size)), hexadecimal(Bytes(most.data(), size))};
    if (load == slot.load && end == slot.offset) {
      fields.back().mask += field.mask;
      fields.back().first += field.first;
      fields.back().last += field.last;
    } else {
      fields.push_back(std::move(field));
    }
    load = slot.load;
    end = slot.offset + size;
  }
  for (PacketField& field : fields) {
    if (field.mask.find_first_not_of('f') == std::string::npos) field.mask.clear();
  }
  return fields;
}

std::string NftRegisters::constant(std::uint32_t reg, std::size_t size) const {
  std::string all;
  std::size_t slot = slot_of(reg);
  for (std::size_t at = 0; at < size; at += 4, ++slot) {
    if (slot >= kSlots || !slots_.at(slot).constant) return "";
    all += hexadecimal(*slots_.at(slot).constant);
  }
  return all;
}

PacketStep NftRegisters::mark(std::uint32_t reg) const {
  PacketStep step;
  step.does = "mark";
  const std::size_t slot_number = slot_of(reg);
  if (slot_number >= kSlots) return step;
  const Slot& slot = slots_.at(slot_number);
  if (slot.constant) {
    step.mask = "00000000";
    step.value = hexadecimal(reversed(*slot.constant));
  } else if (slot.of == "mark") {
    step.mask = hexadecimal(slot.mask);
    step.value = hexadecimal(slot.flipped);
  }
  return step;
}

}  // namespace netns_lab::netlink
