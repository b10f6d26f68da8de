#include "harness/protocol/envelope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace netns_lab::protocol {
namespace {

using namespace std::chrono_literals;

TEST(RequestEnvelope, Survives) {
  const auto back = parse_request(
      to_text(RequestEnvelope{.id = 7, .operation = "lookup", .time_limit = 1500ms, .arguments = {{"a", 1}}}));
  ASSERT_TRUE(back.has_value()) << back.error();
  EXPECT_EQ(back->id, 7u);
  EXPECT_EQ(back->operation, "lookup");
  EXPECT_EQ(back->time_limit, 1500ms);
  EXPECT_EQ(back->arguments, (nlohmann::json{{"a", 1}}));
}

TEST(RequestEnvelope, KeepsTheLimitInItsRange) {
  EXPECT_EQ(parse_request(R"({"id":1,"op":"x","timeout_ms":0,"args":{}})")->time_limit, 1ms);
  EXPECT_EQ(parse_request(R"({"id":1,"op":"x","timeout_ms":18446744073709551615,"args":{}})")->time_limit,
            kLongestLimit);
}

struct BadCase {
  const char* name;
  std::string text;
};
class BadEnvelope : public testing::TestWithParam<BadCase> {};

TEST_P(BadEnvelope, IsRefusedAsRequestAndAsReply) {
  const auto request = parse_request(GetParam().text);
  ASSERT_FALSE(request.has_value());
  EXPECT_EQ(request.error().kind, ErrorKind::kInvalid);
  const auto reply = parse_reply(GetParam().text);
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, ErrorKind::kInternal);
}

INSTANTIATE_TEST_SUITE_P(Texts, BadEnvelope,
                         testing::Values(BadCase{"Empty", ""}, BadCase{"NoJson", "{\"id\":"}, BadCase{"AnArray", "[1]"},
                                         BadCase{"NotUtf8", "\xff\xfe"},
                                         BadCase{"NegativeId", R"({"id":-1,"op":"x","timeout_ms":1,"args":{}})"},
                                         BadCase{"IdIsText", R"({"id":"1","op":"x","timeout_ms":1,"args":{}})"},
                                         BadCase{"NothingInIt", R"({"id":1})"},
                                         BadCase{"ErrorIsText", R"({"id":1,"error":"x"})"},
                                         BadCase{"DeeplyNested", std::string(100'000, '[')}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ReplyEnvelope, CarriesAResult) {
  const auto back = parse_reply(to_text(ReplyEnvelope{.id = 3, .result = nlohmann::json{{"handle", 2}}}));
  ASSERT_TRUE(back.has_value()) << back.error();
  EXPECT_EQ(back->id, 3u);
  ASSERT_TRUE(back->result.has_value());
  EXPECT_EQ(*back->result, (nlohmann::json{{"handle", 2}}));
}

TEST(ReplyEnvelope, CarriesAnErrorWhole) {
  Error error = Error::system("add route 10.1.0.0/16", EEXIST, "said the kernel");
  error.remedy = "remove it";
  const auto back = parse_reply(to_text(ReplyEnvelope{.id = 3, .result = tl::unexpected(error)}));
  ASSERT_TRUE(back.has_value()) << back.error();
  ASSERT_FALSE(back->result.has_value());
  EXPECT_EQ(back->result.error(), error);
}

}  // namespace
}  // namespace netns_lab::protocol
