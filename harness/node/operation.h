// An operation of a node: a name, and a function from its request to its answer. The table is plain data, so that tests
// run the agent with operations of their own.
//
//   table.add<protocol::LookupRequest>(look_up);   // Result<LookupReply> look_up(OperationContext&, const
//   LookupRequest&)
#pragma once

#include <functional>
#include <map>
#include <string>

#include "harness/base/cancellation.h"
#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/protocol/json.h"

namespace netns_lab::node {

class Session;

// What an operation knows besides its request.
struct OperationContext {
  Session& session;
  Deadline deadline;  // it has to be done by then, or answer kTimeout
  const Cancellation& cancellation;
  std::string raw;        // bytes behind the request
  std::string reply_raw;  // bytes to go behind the answer
};

enum class Pace {
  kQuick,  // never waits, and is over in less time than a thread takes to wake up
  kWork,
};

struct Operation {
  Pace pace = Pace::kWork;
  std::function<Result<nlohmann::json>(OperationContext&, const nlohmann::json& arguments)> perform;
};

class OperationTable {
 public:
  template <typename Request>
  void add(Result<typename Request::Reply> (*function)(OperationContext&, const Request&), Pace pace = Pace::kWork) {
    operations_[Request::kOperation] = Operation{
        .pace = pace,
        .perform = [function](OperationContext& context, const nlohmann::json& arguments) -> Result<nlohmann::json> {
          NETNS_LAB_ASSIGN(const Request request, json_to<Request>(arguments));
          NETNS_LAB_ASSIGN(const typename Request::Reply reply, function(context, request));
          return nlohmann::json(reply);
        }};
  }
  const Operation* find(const std::string& name) const {
    const auto found = operations_.find(name);
    return found != operations_.end() ? &found->second : nullptr;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, operation] : operations_) all.push_back(name);
    return all;
  }

 private:
  std::map<std::string, Operation> operations_;
};

}  // namespace netns_lab::node
