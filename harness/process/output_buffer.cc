#include "harness/process/output_buffer.h"

#include <algorithm>

namespace netns_lab::process {

void OutputBuffer::append(std::string_view bytes) {
  const std::size_t kept = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  bytes_.append(bytes.substr(0, kept));
  left_ -= kept;
  dropped_ += bytes.size() - kept;
}

std::string OutputBuffer::take(std::size_t maximum) {
  const std::size_t size = std::min(maximum, waiting());
  std::string taken;
  if (size == bytes_.size()) {
    taken.swap(bytes_);
    return taken;
  }
  taken = bytes_.substr(taken_, size);
  taken_ += size;
  if (taken_ == bytes_.size() || taken_ > 64 * 1024) {
    bytes_.erase(0, taken_);
    taken_ = 0;
  }
  return taken;
}

}  // namespace netns_lab::process
