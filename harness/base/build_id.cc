#include "harness/base/build_id.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace netns_lab {
namespace {

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

int take_first_object(dl_phdr_info* info, std::size_t /*size*/, void* result) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    // The loader's own mapping of the note: an address by construction.
    const auto* note =
        reinterpret_cast<const std::uint8_t*>(info->dlpi_addr + header.p_vaddr);  // NOLINT(performance-no-int-to-ptr)
    std::string id = build_id_note(note, header.p_memsz);
    if (!id.empty()) {
      *static_cast<std::string*>(result) = std::move(id);
      break;
    }
  }
  return 1;  // dl_iterate_phdr(3): the first object is the program itself
}

}  // namespace

std::string build_id() {
  std::string id;
  ::dl_iterate_phdr(take_first_object, &id);
  return id.empty() ? "no-build-id" : id;
}

}  // namespace netns_lab
