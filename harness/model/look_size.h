// What a look at many namespaces costs an agent: whoever needs a limit on descriptors must know it as well.
#pragma once

#include <cstddef>

namespace netns_lab {

// Namespaces that are held open together; there may be a thousand.
inline constexpr std::size_t kNamespacesAtOnce = 32;
// Of each at most the namespace itself, and a socket of each protocol that it is asked by, while a thread reads it.
inline constexpr std::size_t kDescriptorsOfEach = 6;

}  // namespace netns_lab
