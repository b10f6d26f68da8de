#include "harness/model/exchange.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace netns_lab {
namespace {

using std::chrono::milliseconds;

ExchangeSpec spec(Transport transport, milliseconds reply_wait = milliseconds(1'000)) {
  ExchangeSpec asked;
  asked.transport = transport;
  asked.reply_wait = reply_wait;
  return asked;
}
ExchangeReport silent(Transport transport, int system_errno = 0) {
  ExchangeReport report;
  report.spec = spec(transport);
  report.system_errno = system_errno;
  return report;
}

TEST(Patience, IsWholeUntilThreeOfATransportHadNoAnswer) {
  Patience patience;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(patience.wait_of(spec(Transport::kUdp)), milliseconds(1'000)) << i;
    patience.note(silent(Transport::kUdp, i == 1 ? ETIMEDOUT : 0));
  }
  EXPECT_EQ(patience.wait_of(spec(Transport::kUdp)), milliseconds(200));
  EXPECT_EQ(patience.wait_of(spec(Transport::kTcp)), milliseconds(1'000)) << "the other transport";
}

TEST(Patience, NeverExceedsWhatIsAskedFor) {
  Patience patience;
  for (int i = 0; i < 9; ++i) patience.note(silent(Transport::kTcp));
  EXPECT_EQ(patience.wait_of(spec(Transport::kTcp, milliseconds(50))), milliseconds(50));
}

TEST(Patience, IsNotLostOverAnswersAndRefusals) {
  Patience patience;
  for (int i = 0; i < 9; ++i) {
    ExchangeReport answered = silent(Transport::kUdp);
    answered.answered = 1;
    patience.note(answered);
    patience.note(silent(Transport::kUdp, ECONNREFUSED));  // told at once, and costs no time
  }
  EXPECT_EQ(patience.wait_of(spec(Transport::kUdp)), milliseconds(1'000));
}

}  // namespace
}  // namespace netns_lab
