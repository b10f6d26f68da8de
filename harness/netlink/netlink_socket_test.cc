#include "harness/netlink/netlink_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <array>
#include <thread>

#include "harness/netlink/acknowledgement.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/neighbour.h"
#include "harness/netlink/test_namespace.h"

namespace netns_lab::netlink {
namespace {

using testing::HasSubstr;

class NetlinkSocketTest : public KernelTest {
 protected:
  std::vector<Request> addresses(int count) const {
    std::vector<Request> requests;
    for (int i = 0; i < count; ++i) {
      AddressSpec spec;
      spec.link_index = 1;
      spec.prefix = Prefix::host(
          IpAddress::v4(10, 1, static_cast<std::uint8_t>(i / 250), static_cast<std::uint8_t>(i % 250 + 1)));
      requests.push_back(add_address(spec));
    }
    return requests;
  }
};

TEST_F(NetlinkSocketTest, ABatchOfMoreThanOneDatagramIsDoneWhole) {
  raise("lo");
  const auto done = socket().execute_all(addresses(450));
  ASSERT_TRUE(done) << done.error().error;
  const auto seen = list_addresses(socket());
  ASSERT_TRUE(seen) << seen.error();
  EXPECT_EQ(seen->size(), 450U + 2U);  // 127.0.0.1 and ::1
}

TEST_F(NetlinkSocketTest, AnEmptyBatchIsDone) { EXPECT_TRUE(socket().execute_all({})); }

struct FailureRow {
  const char* name;
  std::size_t position;
};
void PrintTo(const FailureRow& row, std::ostream* out) { *out << row.name; }
class BatchFailureTest : public NetlinkSocketTest, public testing::WithParamInterface<FailureRow> {};

TEST_P(BatchFailureTest, NamesTheFirstRequestThatFailed) {
  std::vector<Request> requests = addresses(210);
  requests[GetParam().position] = delete_link(LinkRef::named("nowhere"));
  const auto done = socket().execute_all(std::move(requests));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().request, GetParam().position);
  EXPECT_EQ(done.error().error.system_errno, ENODEV);
  EXPECT_THAT(done.error().error.message(), HasSubstr("delete link nowhere"));
  // The socket is of use afterwards: nothing of the batch is left in its queue.
  EXPECT_TRUE(list_links(socket()));
}

INSTANTIATE_TEST_SUITE_P(Positions, BatchFailureTest,
                         testing::Values(FailureRow{"First", 0}, FailureRow{"Middle", 50},
                                         FailureRow{"EndOfADatagram", 99}, FailureRow{"StartOfADatagram", 100},
                                         FailureRow{"Last", 209}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(NetlinkSocketTest, OfSeveralFailuresTheFirstIsTold) {
  std::vector<Request> requests = addresses(3);
  requests[1] = delete_link(LinkRef::named("first"));
  requests[2] = delete_link(LinkRef::named("second"));
  const auto done = socket().execute_all(std::move(requests));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().request, 1U);
}

TEST_F(NetlinkSocketTest, ADatagramFullOfRefusalsDoesNotOverflowTheQueue) {
  const auto done = socket().execute_all(std::vector<Request>(1000, delete_link(LinkRef::named("nowhere"))));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().request, 0U);
  EXPECT_EQ(done.error().error.system_errno, ENODEV);
}

TEST_F(NetlinkSocketTest, EachIsDoneWhateverBecomesOfTheOthers) {
  std::vector<Request> requests = addresses(210);
  for (const std::size_t position : {0, 50, 99, 100, 209}) requests[position] = delete_link(LinkRef::named("nowhere"));
  const auto refusals = socket().execute_each(std::move(requests));
  ASSERT_TRUE(refusals) << refusals.error();
  std::vector<std::size_t> positions;
  for (const BatchFailure& each : *refusals) {
    positions.push_back(each.request);
    EXPECT_EQ(each.error.system_errno, ENODEV);
  }
  EXPECT_THAT(positions, testing::ElementsAre(0, 50, 99, 100, 209));
  const auto seen = list_addresses(socket());
  ASSERT_TRUE(seen) << seen.error();
  EXPECT_EQ(seen->size(), 205U);
}

TEST_F(NetlinkSocketTest, OfNothingEachIsDone) {
  const auto refusals = socket().execute_each({});
  ASSERT_TRUE(refusals) << refusals.error();
  EXPECT_THAT(*refusals, testing::IsEmpty());
}

TEST_F(NetlinkSocketTest, AnswersOfABatchAreTiedToTheirRequests) {
  std::vector<Request> requests;
  requests.push_back(get_link_request(LinkRef::named("lo")));
  requests.push_back(addresses(1).front());
  requests.push_back(get_link_request(LinkRef::indexed(1)));
  const auto answer = socket().exchange_all(std::move(requests));
  ASSERT_TRUE(answer) << answer.error().error;
  ASSERT_EQ(answer->replies.size(), 2U);
  EXPECT_EQ(answer->replies[0].sequence, answer->first_sequence);
  EXPECT_EQ(answer->replies[1].sequence, answer->first_sequence + 2);
}

TEST_F(NetlinkSocketTest, TellsTheKernelsOwnWords) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.put_header(std::array<std::uint8_t, 16>{});
  request.put_string(IFLA_IFNAME, "a-name-that-is-too-long");
  const auto done = socket().execute(std::move(request));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().system_errno, ERANGE) << done.error();
  EXPECT_FALSE(done.error().detail.empty()) << done.error();
}

TEST_F(NetlinkSocketTest, StrictCheckingRefusesWhatWouldBeIgnored) {
  Request request(RTM_GETADDR, 0);
  std::array<std::uint8_t, 8> header{};
  header[1] = 24;  // a prefix length has no meaning in a dump
  request.put_header(header);
  const auto replies = socket().dump(std::move(request));
  ASSERT_FALSE(replies);
  EXPECT_EQ(replies.error().system_errno, EINVAL);
  EXPECT_THAT(replies.error().message(), HasSubstr("list addresses"));
}

TEST_F(NetlinkSocketTest, ADumpOfManyDatagramsIsWhole) {
  make_pair("veth1", "veth2");
  const std::uint32_t index = index_of("veth1");
  std::vector<Request> requests;
  for (int i = 0; i < 3000; ++i) {
    requests.push_back(add_neighbour(
        index, IpAddress::v4(10, 2, static_cast<std::uint8_t>(i / 250), static_cast<std::uint8_t>(i % 250 + 1)),
        MacAddress({2, 0, 0, 0, 0, 1})));
  }
  const auto done = socket().execute_all(std::move(requests));
  ASSERT_TRUE(done) << done.error().error;
  const auto seen = list_neighbours(socket());
  ASSERT_TRUE(seen) << seen.error();
  EXPECT_EQ(std::count_if(seen->begin(), seen->end(), [](const Neighbour& n) { return n.is_permanent(); }), 3000);
}

TEST_F(NetlinkSocketTest, DumpsStayWholeWhileTheStateChanges) {
  // Links come and go under the dump: the kernel marks such dumps as interrupted.
  for (int i = 0; i < 30; ++i) make_pair("a" + std::to_string(i), "b" + std::to_string(i));
  NetlinkSocket other = home().socket();
  std::thread changer([&other] {
    LinkChange first;
    for (int i = 0; i < 200; ++i) {
      first.mtu = 1400 + i % 2;
      if (!other.execute(set_link(LinkRef::named("a3"), first))) return;
    }
  });
  int whole = 0;
  for (int i = 0; i < 100; ++i) {
    const auto links = list_links(socket());
    if (links && links->size() == 61) ++whole;
    if (!links) {
      EXPECT_THAT(links.error().message(), HasSubstr("the state changed under each of 10 attempts"));
    }
  }
  changer.join();
  EXPECT_GT(whole, 0);
}

TEST_F(NetlinkSocketTest, AdoptsASocketBoundAlready) {
  UniqueFd raw = home().raw_socket();
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  ASSERT_EQ(::bind(raw.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own), 0);
  auto adopted = NetlinkSocket::adopt(std::move(raw), Protocol::kRoute);
  ASSERT_TRUE(adopted) << adopted.error();
  EXPECT_NE(adopted->port(), 0U);
  EXPECT_TRUE(list_links(*adopted));
}

TEST_F(NetlinkSocketTest, RefusesToAdoptSomethingElse) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const UniqueFd other_end(ends[1]);
  EXPECT_FALSE(NetlinkSocket::adopt(UniqueFd(ends[0]), Protocol::kRoute));
}

TEST_F(NetlinkSocketTest, IgnoresWhatOtherProcessesWriteToIt) {
  UniqueFd forger = home().raw_socket();
  Request lie(NLMSG_ERROR, 0);
  lie.put_header(std::array<std::uint8_t, 20>{});
  lie.set_identity(1, socket().port());
  sockaddr_nl victim{};
  victim.nl_family = AF_NETLINK;
  victim.nl_pid = socket().port();
  const Bytes bytes = lie.bytes();
  ASSERT_EQ(
      ::sendto(forger.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&victim), sizeof victim),
      static_cast<ssize_t>(bytes.size()));
  const auto done = socket().execute(delete_link(LinkRef::named("nowhere")));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().system_errno, ENODEV);
}

struct AcknowledgementRow {
  const char* name;
  std::uint16_t type;
  std::uint16_t flags;
  std::vector<std::uint8_t> payload;
  int system_errno;
  const char* text;
};
void PrintTo(const AcknowledgementRow& row, std::ostream* out) { *out << row.name; }
class AcknowledgementTest : public testing::TestWithParam<AcknowledgementRow> {};

TEST_P(AcknowledgementTest, IsUnderstood) {
  const auto decoded = decode_acknowledgement({GetParam().type, GetParam().flags, 1, 1, GetParam().payload});
  ASSERT_TRUE(decoded) << decoded.error();
  EXPECT_EQ(decoded->system_errno, GetParam().system_errno);
  EXPECT_EQ(decoded->text, GetParam().text);
}

// int error, then the request's header (its length first), then the quoted request, then attributes.
std::vector<std::uint8_t> refusal(std::int32_t code, std::uint32_t request_length, std::vector<std::uint8_t> behind) {
  std::vector<std::uint8_t> bytes(20);
  std::memcpy(bytes.data(), &code, 4);
  std::memcpy(bytes.data() + 4, &request_length, 4);
  bytes.insert(bytes.end(), behind.begin(), behind.end());
  return bytes;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, AcknowledgementTest,
    testing::Values(AcknowledgementRow{"Success", NLMSG_ERROR, NLM_F_CAPPED, refusal(0, 40, {}), 0, ""},
                    AcknowledgementRow{"Refusal", NLMSG_ERROR, NLM_F_CAPPED, refusal(-17, 40, {}), 17, ""},
                    AcknowledgementRow{"WithText", NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS,
                                       refusal(-22, 40, {7, 0, 1, 0, 'n', 'o', 0, 0}), 22, "no"},
                    AcknowledgementRow{"TextBehindTheQuotedRequest", NLMSG_ERROR, NLM_F_ACK_TLVS,
                                       refusal(-22, 20, {9, 9, 9, 9, 7, 0, 1, 0, 'n', 'o', 0, 0}), 22, "no"},
                    AcknowledgementRow{"MissingAttribute", NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS,
                                       refusal(-22, 40, {8, 0, 5, 0, 3, 0, 0, 0}), 22, "attribute 3 is missing"},
                    AcknowledgementRow{"BrokenTextKeepsTheNumber", NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS,
                                       refusal(-22, 40, {99, 0, 1, 0}), 22, ""},
                    AcknowledgementRow{"QuotedRequestLongerThanTheMessage", NLMSG_ERROR, NLM_F_ACK_TLVS,
                                       refusal(-22, 0xFFFFFFFF, {}), 22, ""},
                    AcknowledgementRow{"SmallestNumber", NLMSG_ERROR, NLM_F_CAPPED, refusal(INT32_MIN, 40, {}), 4095,
                                       ""},
                    AcknowledgementRow{"EndOfADump", NLMSG_DONE, 0, {0, 0, 0, 0}, 0, ""},
                    AcknowledgementRow{"EndOfADumpWithoutACode", NLMSG_DONE, 0, {}, 0, ""}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace netns_lab::netlink
