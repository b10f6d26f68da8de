#include "harness/model/packed.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "harness/model/samples.h"

namespace netns_lab {
namespace {

std::string packed(const RunEvent& event) {
  std::string bytes;
  append_packed(event, bytes);
  return bytes;
}

TEST(PackedEvents, ComeBackOneAfterTheOther) {
  std::string bytes;
  for (const RunEvent& event : samples::run()) append_packed(event, bytes);
  std::string_view rest = bytes;
  for (const RunEvent& event : samples::run()) {
    const auto back = take_packed_event(rest);
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(*back, event);
  }
  EXPECT_TRUE(rest.empty());
}

// A message of a failed case may hold any bytes; what is printed later must be text, as in JSON.
TEST(PackedEvents, BytesThatAreNotUtf8AreMadeVisible) {
  CaseEnded ended;
  ended.message = "a\xff";
  const std::string bytes = packed(ended);
  std::string_view rest = bytes;
  const auto back = take_packed_event(rest);
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(std::get<CaseEnded>(*back).message, "a\\xFF");
}

TEST(PackedEvents, CutAnywhereTheyAreRefused) {
  for (const RunEvent& event : samples::run()) {
    const std::string bytes = packed(event);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      std::string_view cut = std::string_view(bytes).substr(0, size);
      EXPECT_FALSE(take_packed_event(cut)) << event.index() << " cut to " << size;
    }
  }
}

TEST(PackedEvents, OfAKindThatNobodyKnowsAreRefused) {
  std::string bytes = packed(samples::run().front());
  bytes.front() = '\x63';
  std::string_view rest = bytes;
  EXPECT_FALSE(take_packed_event(rest));
}

TEST(PackedEvents, AVerdictThatNobodyKnowsIsRefused) {
  CaseEnded ended;
  ended.verdict = static_cast<Verdict>(77);
  const std::string bytes = packed(ended);
  std::string_view rest = bytes;
  EXPECT_FALSE(take_packed_event(rest));
}

}  // namespace
}  // namespace netns_lab
