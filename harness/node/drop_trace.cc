#include "harness/node/drop_trace.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/perf_event.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "harness/node/detached_mount.h"

namespace netns_lab::node {
namespace {

constexpr auto kStart = "trace why the kernel drops packets";
constexpr std::size_t kPages = 64;  // of a ring, a power of two: some thousand records; and one before them

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
std::size_t mapped_size() { return (kPages + 1) * page_size(); }

Result<TracepointFormat> read_format(const std::string& tracefs, const char* event) {
  const std::string path = tracefs + "/events/" + event + "/format";
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return tl::unexpected(Error::missing(path, "it cannot be read"));
  return parse_tracepoint_format(text.str());
}

Result<UniqueFd> open_event(std::uint32_t id, int processor) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.config = id;
  attributes.sample_period = 1;
  attributes.sample_type = kPerfSampleType;
  attributes.disabled = 1;
  const long fd = ::syscall(SYS_perf_event_open, &attributes, -1, processor, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return tl::unexpected(Error::system(kStart, errno));
  return UniqueFd(static_cast<int>(fd));
}

// The kernel gives no reason where it has none to give.
bool is_a_reason(const std::string& name) { return name != "NOT_SPECIFIED" && name != "CONSUMED" && name != "MAX"; }

}  // namespace

std::vector<PacketDrop> drops_of(std::vector<PerfSample> samples, const DropFormats& formats, std::uint32_t process,
                                 const PacketOfInterest& wanted) {
  std::stable_sort(samples.begin(), samples.end(),
                   [](const PerfSample& one, const PerfSample& other) { return one.time < other.time; });
  std::map<std::uint64_t, std::string> last_seen;  // by the packet's place in memory
  std::vector<PacketDrop> drops;
  for (const PerfSample& sample : samples) {
    const auto type = formats.dropped.number(sample.record, "common_type");
    const auto packet = formats.dropped.number(sample.record, "skbaddr");
    if (sample.process != process || !type || !packet) continue;
    if (*type == formats.sent.id || *type == formats.taken_in.id) {
      const TracepointFormat& format = *type == formats.sent.id ? formats.sent : formats.taken_in;
      const auto length = format.number(sample.record, "len");
      const auto link = format.text(sample.record, "name");
      if (!length || !link) continue;
      // Where it is sent its Ethernet header counts, but a link without one (a tunnel's) has none.
      const bool fits = wanted.length == 0 || *length == wanted.length ||
                        (*type == formats.sent.id && *length == wanted.length + ETH_HLEN);
      // What is not ours is remembered, too, so that it is not taken for one that was at no interface.
      last_seen[*packet] = fits ? *link : "?";
    } else if (*type == formats.consumed.id) {
      last_seen.erase(*packet);
    } else if (*type == formats.dropped.id) {
      const auto protocol = formats.dropped.number(sample.record, "protocol");
      const auto reason = formats.dropped.number(sample.record, "reason");
      const auto seen = last_seen.find(*packet);
      const std::string link = seen == last_seen.end() ? "" : seen->second;
      if (seen != last_seen.end()) last_seen.erase(seen);
      if (!protocol || !reason || link == "?") continue;
      if (*protocol != static_cast<std::uint64_t>(wanted.is_v4 ? ETH_P_IP : ETH_P_IPV6)) continue;
      const auto name = formats.dropped.symbols.find(*reason);
      if (name == formats.dropped.symbols.end() || !is_a_reason(name->second)) continue;
      const auto same = std::find_if(drops.begin(), drops.end(), [&](const PacketDrop& one) {
        return one.link == link && one.reason == name->second;
      });
      if (same == drops.end()) {
        drops.push_back({.link = link, .reason = name->second, .times = 1});
      } else {
        ++same->times;
      }
    }
  }
  return drops;
}

Result<DropTrace> DropTrace::start(const PacketOfInterest& wanted) {
  NETNS_LAB_ASSIGN(const UniqueFd mounted, mount_detached("tracefs"));
  const std::string tracefs = fmt::format("/proc/self/fd/{}", mounted.get());
  DropFormats formats;
  NETNS_LAB_ASSIGN(formats.dropped, read_format(tracefs, "skb/kfree_skb"));
  NETNS_LAB_ASSIGN(formats.consumed, read_format(tracefs, "skb/consume_skb"));
  NETNS_LAB_ASSIGN(formats.sent, read_format(tracefs, "net/net_dev_queue"));
  NETNS_LAB_ASSIGN(formats.taken_in, read_format(tracefs, "net/netif_receive_skb"));
  if (formats.dropped.symbols.empty())
    return tl::unexpected(Error::missing("the reason in skb:kfree_skb", "this kernel tells none"));
  DropTrace trace(std::move(formats), wanted);
  const long processors = ::sysconf(_SC_NPROCESSORS_CONF);
  for (int processor = 0; processor < processors; ++processor) {
    auto ring = Ring::open(processor, trace.formats_);
    if (!ring && ring.error().system_errno == ENODEV) continue;  // it is off
    if (!ring) return tl::unexpected(ring.error());
    trace.rings_.push_back(*std::move(ring));
  }
  if (trace.rings_.empty()) return tl::unexpected(Error::missing("a processor", "none can be looked at"));
  return trace;
}

Result<std::vector<PacketDrop>> DropTrace::take() {
  std::vector<PerfSample> samples;
  for (Ring& ring : rings_) {
    NETNS_LAB_ASSIGN(PerfRecords records, decode_perf_records(ring.take()));
    if (records.lost) return std::vector<PacketDrop>{};
    std::move(records.samples.begin(), records.samples.end(), std::back_inserter(samples));
  }
  return drops_of(std::move(samples), formats_, static_cast<std::uint32_t>(::getpid()), wanted_);
}

Result<DropTrace::Ring> DropTrace::Ring::open(int processor, const DropFormats& formats) {
  Ring ring;
  for (const std::uint32_t id : {formats.dropped.id, formats.consumed.id, formats.sent.id, formats.taken_in.id}) {
    NETNS_LAB_ASSIGN(UniqueFd event, open_event(id, processor));
    ring.events_.push_back(std::move(event));
  }
  const int first = ring.events_.front().get();
  void* const mapped = ::mmap(nullptr, mapped_size(), PROT_READ | PROT_WRITE, MAP_SHARED, first, 0);
  if (mapped == MAP_FAILED) return tl::unexpected(Error::system(kStart, errno));
  ring.mapped_ = mapped;
  for (const UniqueFd& event : ring.events_) {
    if (event.get() != first && ::ioctl(event.get(), PERF_EVENT_IOC_SET_OUTPUT, first) != 0)
      return tl::unexpected(Error::system(kStart, errno));
  }
  for (const UniqueFd& event : ring.events_) {
    if (::ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) return tl::unexpected(Error::system(kStart, errno));
  }
  return ring;
}

DropTrace::Ring::Ring(Ring&& other) noexcept
    : mapped_(std::exchange(other.mapped_, nullptr)), events_(std::move(other.events_)) {}

DropTrace::Ring& DropTrace::Ring::operator=(Ring&& other) noexcept {
  std::swap(mapped_, other.mapped_);
  std::swap(events_, other.events_);
  return *this;
}

DropTrace::Ring::~Ring() {
  if (mapped_ != nullptr) ::munmap(mapped_, mapped_size());
}

// data_head and data_tail count for ever; the ring is read between them (perf_event_open(2), "MMAP layout").
std::vector<std::uint8_t> DropTrace::Ring::take() {
  auto* const control = static_cast<perf_event_mmap_page*>(mapped_);
  const auto* const data = static_cast<const std::uint8_t*>(mapped_) + page_size();
  const std::size_t size = kPages * page_size();
  const std::uint64_t head = __atomic_load_n(&control->data_head, __ATOMIC_ACQUIRE);
  const std::uint64_t tail = control->data_tail;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(head - tail);
  for (std::uint64_t at = tail; at < head;) {
    const std::size_t from = at % size;
    const std::size_t some = std::min<std::size_t>(size - from, head - at);
    bytes.insert(bytes.end(), data + from, data + from + some);
    at += some;
  }
  __atomic_store_n(&control->data_tail, head, __ATOMIC_RELEASE);
  return bytes;
}

}  // namespace netns_lab::node
