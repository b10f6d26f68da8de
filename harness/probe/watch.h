// The captures of one probe: all watched namespaces, from before the first packet is sent until the last sighting is
// drained.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/probe/capture_pool.h"
#include "harness/probe/link_names.h"
#include "harness/probe/sighting_reader.h"

namespace netns_lab::probe {

class Watch {
 public:
  // `seen.sighting` has its namespace and link here.
  using Take = std::function<void(const Seen&)>;

  // `port`: whose UDP and TCP packets are taken, too; 0: none. The captures and the batch are borrowed. Error: kSystem.
  static Result<Watch> start(const std::map<std::string, Capture*>& captures, std::uint16_t port, ReceiveBatch& batch);
  Watch(Watch&&) noexcept = default;
  Watch& operator=(Watch&&) noexcept = default;
  ~Watch();  // lets nothing more into the captures

  bool empty() const { return watched_.empty(); }
  // Takes what is queued in all captures until all are empty.
  Result<void> drain(ReceiveBatch& batch, const Take& take);
  // Drains a last time and hands over what never became whole. Afterwards the captures are quiet.
  Result<void> finish(ReceiveBatch& batch, const Take& take);
  // Packets that could not be taken. Error: kSystem.
  Result<std::uint64_t> drops();
  std::uint32_t smallest_queue() const;  // bytes as the kernel counts them; the largest number when nothing is watched
  std::vector<int> fds() const;

 private:
  Watch() = default;
  struct Watched {
    std::string network_namespace;
    Capture* capture;
    SightingReader reader;
    LinkNames names;
  };
  std::vector<Watched> watched_;
};

}  // namespace netns_lab::probe
