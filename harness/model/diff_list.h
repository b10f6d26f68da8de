// Two lists of objects, compared. Internal to this folder.
#pragma once

#include <cstddef>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace netns_lab {

template <typename T>
std::string printed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

template <typename T>
struct ListDifference {
  std::vector<const T*> removed;
  std::vector<const T*> added;
  std::vector<std::pair<const T*, const T*>> changed;  // the same by key, not by `same`
};

// Equal objects cancel each other first, whatever their order; of the rest those with the same key are changed ones. So
// a list may hold several of one key (the kernel has a route ff00::/8 for every link).
template <typename T, typename Same, typename Key>
ListDifference<T> compare_lists(const std::vector<const T*>& before, const std::vector<const T*>& after, Same same,
                                Key key) {
  ListDifference<T> difference;
  std::vector<const T*> left(after.rbegin(), after.rend());  // taken from the back: quick when both have one order
  const auto take = [&left](auto matches) -> const T* {
    for (std::size_t i = left.size(); i-- > 0;) {
      if (!matches(*left[i])) continue;
      const T* found = left[i];
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(i));
      return found;
    }
    return nullptr;
  };
  std::vector<const T*> unmatched;
  for (const T* old : before) {
    if (take([&](const T& candidate) { return same(*old, candidate); }) == nullptr) unmatched.push_back(old);
  }
  for (const T* old : unmatched) {
    const auto old_key = key(*old);
    const T* now = take([&](const T& candidate) { return key(candidate) == old_key; });
    if (now == nullptr) {
      difference.removed.push_back(old);
    } else {
      difference.changed.emplace_back(old, now);
    }
  }
  difference.added.assign(left.rbegin(), left.rend());
  return difference;
}

}  // namespace netns_lab
