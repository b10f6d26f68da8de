#include "harness/node/claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "harness/base/text.h"
#include "harness/netns/named.h"

namespace netns_lab::node {
namespace {

// How often a waiting claim looks whether it was cancelled; the end of the session it waits for wakes it at once.
constexpr std::chrono::milliseconds kCancelPoll(50);

template <typename T>
const T* first_common(const std::vector<T>& wanted, const std::vector<T>& held) {
  const auto found = std::find_first_of(wanted.begin(), wanted.end(), held.begin(), held.end());
  return found != wanted.end() ? &*found : nullptr;
}

bool overlap(const Prefix& one, const Prefix& other) {
  return one.address.family() == other.address.family() &&
         (one.network().contains(other.address) || other.network().contains(one.address));
}

std::optional<std::string> first_conflict(const protocol::ClaimRequest& wanted, const protocol::ClaimRequest& held) {
  if (const auto* name = first_common(wanted.namespaces, held.namespaces)) return "namespace " + *name;
  if (const auto* name = first_common(wanted.links, held.links)) return "link " + *name;
  if (const auto* name = first_common(wanted.nft_tables, held.nft_tables)) return "nft table " + *name;
  for (const Prefix& prefix : wanted.addresses) {
    const bool taken = std::any_of(held.addresses.begin(), held.addresses.end(),
                                   [&](const Prefix& other) { return overlap(prefix, other); });
    if (taken) return "address " + prefix.to_string();
  }
  return std::nullopt;
}

template <typename T>
void merge(std::vector<T>& into, const std::vector<T>& more) {
  for (const T& one : more) {
    if (std::find(into.begin(), into.end(), one) == into.end()) into.push_back(one);
  }
}

template <typename T>
std::vector<T> without(const std::vector<T>& wanted, const std::vector<T>& held) {
  std::vector<T> left;
  std::copy_if(wanted.begin(), wanted.end(), std::back_inserter(left),
               [&](const T& one) { return std::find(held.begin(), held.end(), one) == held.end(); });
  return left;
}

}  // namespace

Result<void> check_link_name(const std::string& name) {
  const bool bad_byte = std::any_of(name.begin(), name.end(), [](char c) {
    return c == '/' || c == ':' || c == '\0' || c == ' ' || (c >= '\t' && c <= '\r');
  });
  if (!name.empty() && name.size() <= 15 && name != "." && name != ".." && !bad_byte) return {};
  return tl::unexpected(Error::invalid(fmt::format("use \"{}\" as the name of a link", visible(name, 80)),
                                       "the kernel takes 1 to 15 bytes without '/', ':' and blanks"));
}

void Claims::enter(SessionNumber session, std::function<bool()> is_ending) {
  const std::lock_guard lock(mutex_);
  holders_[session] = Holder{.claimed = {}, .is_ending = std::move(is_ending)};
}

std::optional<Claims::Conflict> Claims::find_conflict(SessionNumber session,
                                                      const protocol::ClaimRequest& wanted) const {
  for (const auto& [number, holder] : holders_) {
    if (number == session) continue;
    if (auto thing = first_conflict(wanted, holder.claimed)) {
      return Conflict{.session = number, .thing = *std::move(thing), .is_ending = holder.is_ending()};
    }
  }
  return std::nullopt;
}

Result<void> Claims::claim(SessionNumber session, const protocol::ClaimRequest& wanted, const InUseCheck& in_use,
                           Deadline deadline, const Cancellation& cancellation) {
  for (const std::string& name : wanted.namespaces) NETNS_LAB_TRY(check_namespace_name(name));
  for (const std::string& name : wanted.links) NETNS_LAB_TRY(check_link_name(name));

  std::unique_lock lock(mutex_);
  while (const auto conflict = find_conflict(session, wanted)) {
    if (!conflict->is_ending) {
      return tl::unexpected(
          Error::taken("claim " + conflict->thing, fmt::format("session {} of this lab is using it", conflict->session),
                       "wait for that run to end, use other names (--param) or another lab (--name)"));
    }
    if (cancellation.requested()) return tl::unexpected(Error::cancelled("claim " + conflict->thing));
    if (deadline.passed()) {
      return tl::unexpected(
          Error::timeout("claim " + conflict->thing,
                         fmt::format("session {} has ended and is still being tidied up", conflict->session)));
    }
    left_.wait_until(lock, std::min(deadline.at(), Deadline::after(kCancelPoll).at()));
  }
  protocol::ClaimRequest& held = holders_[session].claimed;
  const protocol::ClaimRequest fresh = {.namespaces = without(wanted.namespaces, held.namespaces),
                                        .links = without(wanted.links, held.links),
                                        .addresses = without(wanted.addresses, held.addresses),
                                        .keep = wanted.keep,
                                        .nft_tables = without(wanted.nft_tables, held.nft_tables)};
  if (!fresh.namespaces.empty() || !fresh.links.empty() || !fresh.addresses.empty() || !fresh.nft_tables.empty())
    NETNS_LAB_TRY(in_use(fresh));
  merge(held.namespaces, fresh.namespaces);
  merge(held.links, fresh.links);
  merge(held.addresses, fresh.addresses);
  merge(held.nft_tables, fresh.nft_tables);
  held.keep = wanted.keep;
  return {};
}

protocol::ClaimRequest Claims::of(SessionNumber session) const {
  const std::lock_guard lock(mutex_);
  const auto found = holders_.find(session);
  return found != holders_.end() ? found->second.claimed : protocol::ClaimRequest();
}

void Claims::leave(SessionNumber session) {
  const std::lock_guard lock(mutex_);
  holders_.erase(session);
  left_.notify_all();
}

}  // namespace netns_lab::node
