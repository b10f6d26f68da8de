#include "harness/process/output_buffer.h"

#include <algorithm>

namespace netns_lab::process {

void OutputBuffer::append(std::string_view bytes) {
  const std::size_t kept = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  bytes_.append(bytes.substr(0, kept));
  left_ -= kept;
  end_.append(bytes.substr(kept));
  if (end_.size() / 2 > most_at_the_end_) cut_end();
}

void OutputBuffer::cut_end() {
  if (end_.size() <= most_at_the_end_) return;
  const std::size_t more = end_.size() - static_cast<std::size_t>(most_at_the_end_);
  end_.erase(0, more);
  dropped_ += more;
}

void OutputBuffer::end() {
  cut_end();
  bytes_ += end_;
  end_.clear();
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
