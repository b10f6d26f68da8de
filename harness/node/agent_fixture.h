// For tests of the agent: the tester's side at the byte seam (harness/lab has the real client, which this folder may
// not include).
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "harness/base/build_id.h"
#include "harness/protocol/envelope.h"
#include "harness/protocol/frame_stream.h"
#include "harness/protocol/json.h"
#include "harness/protocol/packed_namespaces.h"
#include "harness/protocol/packed_reports.h"

namespace netns_lab::node {

class Tester {
 public:
  explicit Tester(UniqueFd fd) : stream_(std::make_unique<protocol::FrameStream>(std::move(fd))) {}

  void send(const std::string& operation, nlohmann::json arguments, std::string_view raw = "") {
    const std::string text = to_text(protocol::RequestEnvelope{.id = next_++,
                                                               .operation = operation,
                                                               .time_limit = std::chrono::seconds(20),
                                                               .arguments = std::move(arguments)});
    const auto sent = stream_->send(text, raw, Deadline::after(std::chrono::seconds(20)));
    if (!sent) throw std::runtime_error("send: " + sent.error().message());
  }
  Result<nlohmann::json> receive() {
    auto frame = stream_->receive(Deadline::after(std::chrono::seconds(20)));
    if (!frame) return tl::unexpected(frame.error());
    raw_ = std::move(frame->raw);
    return protocol::parse_reply(frame->json).value().result;
  }
  Result<nlohmann::json> ask(const std::string& operation, nlohmann::json arguments, std::string_view raw = "") {
    send(operation, std::move(arguments), raw);
    return receive();
  }
  template <typename Request>
  Result<typename Request::Reply> ask(const Request& request, std::string_view raw = "") {
    NETNS_LAB_ASSIGN(const nlohmann::json result, ask(Request::kOperation, request, raw));
    auto reply = json_to<typename Request::Reply>(result);
    if constexpr (std::is_same_v<Request, protocol::SnapshotRequest>) {
      if (reply) NETNS_LAB_TRY(protocol::put_namespaces(raw_, *reply));
    }
    if constexpr (std::is_same_v<Request, protocol::ProbeRequest>) {
      if (reply) NETNS_LAB_TRY(protocol::put_reports(raw_, *reply));
    }
    return reply;
  }
  const std::string& raw() const { return raw_; }  // bytes of the last answer

 private:
  std::unique_ptr<protocol::FrameStream> stream_;
  std::uint64_t next_ = 1;
  std::string raw_;
};

inline std::pair<UniqueFd, UniqueFd> stream_pair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace netns_lab::node
