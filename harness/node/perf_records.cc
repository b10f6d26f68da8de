#include "harness/node/perf_records.h"

#include <linux/perf_event.h>

#include <cstring>

namespace netns_lab::node {
namespace {

static_assert(kPerfSampleType == (PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW));

// In the order of PERF_RECORD_SAMPLE.
struct SampleHead {
  std::uint32_t process;
  std::uint32_t thread;
  std::uint64_t time;
  std::uint32_t size;  // of the record that follows, with what pads it
};
constexpr std::size_t kHeadSize = 20;  // the struct is padded

Error malformed(const char* what) { return Error::invalid("records of perf_event_open", what); }

}  // namespace

Result<PerfRecords> decode_perf_records(std::span<const std::uint8_t> bytes) {
  PerfRecords records;
  while (!bytes.empty()) {
    perf_event_header header{};
    if (bytes.size() < sizeof header) return tl::unexpected(malformed("a header is cut short"));
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.size < sizeof header || header.size > bytes.size())
      return tl::unexpected(malformed("a record's length cannot be"));
    const auto body = bytes.subspan(sizeof header, header.size - sizeof header);
    bytes = bytes.subspan(header.size);
    if (header.type == PERF_RECORD_LOST) records.lost = true;
    if (header.type != PERF_RECORD_SAMPLE) continue;
    SampleHead head{};
    if (body.size() < kHeadSize) return tl::unexpected(malformed("a sample is cut short"));
    std::memcpy(&head, body.data(), kHeadSize);
    if (head.size > body.size() - kHeadSize) return tl::unexpected(malformed("a sample's length cannot be"));
    const auto record = body.subspan(kHeadSize, head.size);
    records.samples.push_back({head.process, head.time, {record.begin(), record.end()}});
  }
  return records;
}

}  // namespace netns_lab::node
