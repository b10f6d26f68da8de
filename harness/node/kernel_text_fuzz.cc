// Any bytes as what the node's side reads besides netlink messages, of the kernel and of its own processes: a value or
// an error, never a crash. The first byte chooses the reader.
//
//   cmake --preset fuzz && cmake --build --preset fuzz --target node_kernel_text_fuzz &&
//   build/fuzz/node_kernel_text_fuzz -max_total_time=60
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/text.h"
#include "harness/node/counters.h"
#include "harness/node/guest_boot.h"
#include "harness/node/host_firewall.h"
#include "harness/node/journal_contents.h"
#include "harness/node/sandbox_status.h"
#include "harness/node/underlay_wires.h"

namespace {

template <typename T>
void use(const T& result) {
  if (!result && result.error().message().empty()) __builtin_trap();  // an error says something
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 9) {
    case 0:
      static_cast<void>(node::parse_paired_counters(text));
      break;
    case 1:
      static_cast<void>(node::parse_named_counters(text));
      break;
    case 2:
      static_cast<void>(node::parse_device_counters(text));
      break;
    case 3:
      static_cast<void>(node::parse_backlog_drops(text));
      break;
    case 4:
      static_cast<void>(node::parse_module_list(split_lines(text)));
      break;
    case 5:
      use(node::parse_underlay_wire(std::string(text)));
      break;
    case 6:
      static_cast<void>(node::decode_error(text).message());
      break;
    case 7:
      static_cast<void>(node::parse_journal(text));
      break;
    default: {
      netlink::MessageView message;
      message.payload = netlink::Bytes(data, size).subspan(1);
      use(node::decode_chain(message));
    }
  }
  return 0;
}
