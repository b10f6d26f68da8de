// What a command has printed and nobody has read yet, with the limit on what is kept: half of it for the beginning,
// half for the end, where a command says why it failed. Not for several threads; its owner locks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace netns_lab::process {

class OutputBuffer {
 public:
  // `limit`: bytes kept in all, read ones included.
  explicit OutputBuffer(std::uint64_t limit) : left_(limit - limit / 2), most_at_the_end_(limit / 2) {}

  void append(std::string_view bytes);    // what passes the limit is counted and dropped, the oldest of the end first
  void end();                             // nothing more will come: what is kept of the end can be taken now
  std::string take(std::size_t maximum);  // from the front
  std::size_t waiting() const { return bytes_.size() - taken_; }
  bool empty() const { return waiting() == 0; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  std::string bytes_;
  std::size_t taken_ = 0;  // at the front of bytes_; cut off now and then, so that taking is cheap
  std::uint64_t left_;
  std::uint64_t most_at_the_end_;
  std::string end_;  // what came once left_ was used up, up to twice as much as is kept of it
  std::uint64_t dropped_ = 0;

  void cut_end();
};

}  // namespace netns_lab::process
