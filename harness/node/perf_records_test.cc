#include "harness/node/perf_records.h"

#include <gtest/gtest.h>

#include <linux/perf_event.h>

#include <cstring>
#include <vector>

namespace netns_lab::node {
namespace {

template <typename Value>
void put(std::vector<std::uint8_t>& bytes, Value value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

void put_header(std::vector<std::uint8_t>& bytes, std::uint32_t type, std::uint16_t size) {
  put(bytes, perf_event_header{.type = type, .misc = 0, .size = size});
}

std::vector<std::uint8_t> sample(std::uint32_t process, std::uint64_t time, std::uint32_t stated = 4) {
  std::vector<std::uint8_t> bytes;
  put_header(bytes, PERF_RECORD_SAMPLE, 8 + 20 + 4);
  put(bytes, process);
  put(bytes, process + 1);  // the thread
  put(bytes, time);
  put(bytes, stated);
  put(bytes, std::uint32_t{0x01020304});
  return bytes;
}

TEST(PerfRecords, TellWhoRanAndWhen) {
  std::vector<std::uint8_t> bytes = sample(7, 100);
  const std::vector<std::uint8_t> second = sample(8, 200);
  bytes.insert(bytes.end(), second.begin(), second.end());
  const PerfRecords records = decode_perf_records(bytes).value();
  ASSERT_EQ(records.samples.size(), 2U);
  EXPECT_EQ(records.samples[0].process, 7U);
  EXPECT_EQ(records.samples[1].time, 200U);
  EXPECT_EQ(records.samples[1].record.size(), 4U);
  EXPECT_FALSE(records.lost);
}

TEST(PerfRecords, TellThatSomeWereLostAndPassOverOthers) {
  std::vector<std::uint8_t> bytes;
  put_header(bytes, PERF_RECORD_LOST, 24);
  bytes.resize(24);
  put_header(bytes, PERF_RECORD_THROTTLE, 8);
  const PerfRecords records = decode_perf_records(bytes).value();
  EXPECT_TRUE(records.lost);
  EXPECT_TRUE(records.samples.empty());
}

TEST(PerfRecords, ThatCannotBeAreRefused) {
  std::vector<std::uint8_t> shorter = sample(7, 100);
  shorter.pop_back();
  EXPECT_FALSE(decode_perf_records(shorter));
  EXPECT_FALSE(decode_perf_records(sample(7, 100, 5)));
  std::vector<std::uint8_t> empty;
  put_header(empty, PERF_RECORD_SAMPLE, 0);
  EXPECT_FALSE(decode_perf_records(empty));
  std::vector<std::uint8_t> headless;
  put_header(headless, PERF_RECORD_SAMPLE, 16);
  headless.resize(16);
  EXPECT_FALSE(decode_perf_records(headless));
}

}  // namespace
}  // namespace netns_lab::node
