// The records that the kernel writes into the ring of perf_event_open(2) (linux/perf_event.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab::node {

// What is asked for of each sample: who ran, when, and the tracepoint's own record.
constexpr std::uint64_t kPerfSampleType = (1U << 1U) | (1U << 2U) | (1U << 10U);  // PERF_SAMPLE_TID, _TIME, _RAW

struct PerfSample {
  std::uint32_t process = 0;  // in the PID namespace of whoever opened it; 0: in none of it
  std::uint64_t time = 0;     // ns, of one clock for all processors
  std::vector<std::uint8_t> record;
};

struct PerfRecords {
  std::vector<PerfSample> samples;
  bool lost = false;  // there was no room for some
};

// Whole records one after the other, samples of kPerfSampleType. kInvalid where a length cannot be.
Result<PerfRecords> decode_perf_records(std::span<const std::uint8_t> bytes);

}  // namespace netns_lab::node
