#include "harness/node/nft_command.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "harness/base/text.h"
#include "harness/node/command_handles.h"
#include "harness/process/running_command.h"

namespace netns_lab::node {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kLimit{10};  // of what takes some ms

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
}

// "ip saddr", "oifname": what a rule looks at.
Result<json> left_of(const NftMatch& match) {
  const std::vector<std::string> words = words_of(match.what);
  if (words.size() == 1) return json({{"meta", {{"key", words[0]}}}});
  if (words.size() == 2 && words[0] == "ct") return json({{"ct", {{"key", words[1]}}}});
  if (words.size() == 2) return json({{"payload", {{"protocol", words[0]}, {"field", words[1]}}}});
  if (words.size() == 3 && words[0] == "fib")
    return json({{"fib", {{"result", words[2]}, {"flags", json::array({words[1]})}}}});
  return tl::unexpected(Error::invalid(fmt::format("say \"{}\" to nft", match.what),
                                       "a match is a field of a header, of the packet, of ct, or fib"));
}

// Flags (ct state, ct status) are asked for as one of those that are set.
const char* operator_of(const NftMatch& match) {
  if (match.negated) return "!=";
  return match.what.rfind("ct ", 0) == 0 ? "in" : "==";
}

json right_of(const NftMatch& match) {
  if (match.value.find('/') != std::string::npos) {
    if (const auto prefix = Prefix::parse(match.value))
      return {{"prefix", {{"addr", prefix->address.to_string()}, {"len", prefix->length}}}};
  }
  if (is_number(match.value)) return json(std::stoul(match.value));
  return json(match.value);
}

Result<json> action_of(const NftAction& action, bool is_inet) {
  if (!action.address && !action.port) return json({{action.verb, nullptr}});
  json target = json::object();
  if (action.address) target["addr"] = action.address->to_string();
  if (action.port) target["port"] = *action.port;
  // A table for both families does not say which one the address is of.
  if (action.address && is_inet) target["family"] = action.address->is_v4() ? "ip" : "ip6";
  return json({{action.verb, target}});
}

}  // namespace

Result<std::string> nft_json(const CreateNftTable& table) {
  json commands = json::array();
  const auto place = json({{"family", table.family}, {"table", table.name}});
  // "create", not "add": a table that is there already is somebody else's.
  commands.push_back({{"create", {{"table", {{"family", table.family}, {"name", table.name}}}}}});
  for (const NftChain& chain : table.chains) {
    json made = place;
    made.update({{"name", chain.name},
                 {"type", chain.type},
                 {"hook", chain.hook},
                 {"prio", chain.priority},
                 {"policy", chain.drops ? "drop" : "accept"}});
    commands.push_back({{"add", {{"chain", made}}}});
    for (const NftRule& rule : chain.rules) {
      json expressions = json::array();
      for (const NftMatch& match : rule.matches) {
        NETNS_LAB_ASSIGN(const json left, left_of(match));
        expressions.push_back({{"match", {{"op", operator_of(match)}, {"left", left}, {"right", right_of(match)}}}});
      }
      NETNS_LAB_ASSIGN(const json action, action_of(rule.action, table.family == "inet"));
      expressions.push_back(action);
      json added = place;
      added.update({{"chain", chain.name}, {"expr", expressions}});
      commands.push_back({{"add", {{"rule", added}}}});
    }
  }
  return json({{"nftables", commands}}).dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<void> create_nft_table(const NetworkNamespace& network_namespace, const CreateNftTable& table) {
  const std::string attempted = "create nft table " + nft_table_text(table.family, table.name);
  NETNS_LAB_ASSIGN(std::string input, nft_json(table));
  process::Command command;
  command.argv = {"nft", "--json", "--file", "-"};
  command.environment = base_environment(/*terminal=*/false);
  command.working_directory = "/";
  command.standard_input = std::move(input);
  command.network_namespace_fd = network_namespace.fd();
  command.time_limit = kLimit;
  NETNS_LAB_ASSIGN(const process::CommandOutcome outcome, process::run_to_end(std::move(command)));
  if (outcome.succeeded()) return {};
  if (outcome.end.how == process::CommandEnd::How::kNotStarted) {
    return tl::unexpected(Error::missing(attempted, "the program nft is needed: " + outcome.end.reason,
                                         "on the node: apt-get install nftables"));
  }
  if (outcome.end.how == process::CommandEnd::How::kTimedOut)
    return tl::unexpected(Error::timeout(attempted, fmt::format("nft had not ended after {} s", kLimit.count())));
  const std::string said = visible_line(outcome.errors.empty() ? outcome.output : outcome.errors);
  return tl::unexpected(Error::system(attempted, EINVAL, fmt::format("nft {}: {}", to_string(outcome.end), said)));
}

}  // namespace netns_lab::node
