#include "harness/base/build_id.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

// The running program's own ELF header, where it is loaded: a symbol that the linker defines (ld(1), lld).
extern "C" __attribute__((visibility("hidden"))) const ElfW(Ehdr) __ehdr_start;  // NOLINT(bugprone-reserved-identifier)

namespace netns_lab {
namespace {

constexpr auto kNone = "no-build-id";

// Walks one PT_NOTE segment (elf(5): namesz, descsz, type, then name and descriptor, each padded to 4 bytes).
std::string build_id_note(const std::uint8_t* at, std::size_t left) {
  while (left >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    const std::size_t name_size = (note.n_namesz + std::size_t{3}) & ~std::size_t{3};
    const std::size_t value_size = (note.n_descsz + std::size_t{3}) & ~std::size_t{3};
    if (sizeof note + name_size + value_size > left) return "";
    const std::uint8_t* name = at + sizeof note;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
      std::string hex;
      for (std::size_t i = 0; i < note.n_descsz; ++i) hex += fmt::format("{:02x}", name[name_size + i]);
      return hex;
    }
    at += sizeof note + name_size + value_size;
    left -= sizeof note + name_size + value_size;
  }
  return "";
}

}  // namespace

std::string build_id() {
  // Not by dl_iterate_phdr(3): it takes a lock that fork(2) does not make free again in the child.
  const auto* const start = reinterpret_cast<const std::uint8_t*>(&__ehdr_start);
  const std::span headers(reinterpret_cast<const ElfW(Phdr)*>(start + __ehdr_start.e_phoff), __ehdr_start.e_phnum);
  const auto first = std::ranges::find_if(
      headers, [](const ElfW(Phdr) & header) { return header.p_type == PT_LOAD && header.p_offset == 0; });
  if (first == headers.end()) return kNone;
  for (const ElfW(Phdr) & header : headers) {
    if (header.p_type != PT_NOTE) continue;
    std::string id = build_id_note(start + (header.p_vaddr - first->p_vaddr), header.p_memsz);
    if (!id.empty()) return id;
  }
  return kNone;
}

}  // namespace netns_lab
