// What the registers of nf_tables hold while a rule is read: which bytes of a packet, or of what the kernel knows of it
// (model/packet_rules.h), or which constant.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/packet_rules.h"
#include "harness/netlink/nft_attributes.h"

namespace netns_lab::netlink {

class NftRegisters {
 public:
  explicit NftRegisters(std::uint8_t family) : family_(family) {}

  // Carries out an expression that only loads or changes registers. False where it does more than that, or is not
  // known.
  bool load(const std::string& name, const NftAttributes& attributes);
  void load_constant(std::uint32_t reg, const std::vector<std::uint8_t>& bytes);
  void forget(std::uint32_t reg, std::size_t size);

  // From register `reg` on it holds something between these two, which are as long as each other.
  std::vector<PacketField> fields(std::uint32_t reg, const std::vector<std::uint8_t>& first,
                                  const std::vector<std::uint8_t>& last) const;
  // The constant of so many bytes that is in it, as hexadecimal digits; "" none.
  std::string constant(std::uint32_t reg, std::size_t size) const;
  // The mark is set to what the register holds.
  PacketStep mark(std::uint32_t reg) const;

 private:
  static constexpr std::size_t kSlots = 20;  // of 32 bits
  using Word = std::array<std::uint8_t, 4>;
  struct Slot {
    std::string of;  // PacketField::of; "" not known, or a constant
    std::uint16_t offset = 0;
    std::size_t size = 4;
    unsigned load = 0;              // each load has its own number
    bool of_the_host = false;       // a number in its byte order
    Word mask{255, 255, 255, 255};  // these two in network order
    Word flipped{};
    std::optional<Word> constant{};
  };

  static std::size_t slot_of(std::uint32_t reg);
  static Word word(const std::vector<std::uint8_t>& bytes, std::size_t at);
  void put(std::uint32_t reg, const std::string& of, unsigned offset, std::size_t size, bool of_the_host = false);
  void meta(const NftAttributes& attributes);
  void payload(const NftAttributes& attributes);
  void connection(const NftAttributes& attributes);
  void fib(const NftAttributes& attributes);
  void bitwise(const NftAttributes& attributes);
  void byteorder(const NftAttributes& attributes);

  std::uint8_t family_;
  unsigned loads_ = 0;
  std::array<Slot, kSlots> slots_{};
};

}  // namespace netns_lab::netlink
