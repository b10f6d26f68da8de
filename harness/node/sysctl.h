// The names and files of network sysctls (sysctl(8), proc(5)).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {

// "net.ipv4.ip_forward" -> "/proc/sys/net/ipv4/ip_forward"; a '/' in a key stands for a dot inside a name
// ("net.ipv4.conf.eth0/100.forwarding"). kInvalid for what is not below net, and for empty or dot-dot parts.
Result<std::string> sysctl_path(std::string_view key);
// The way back, of a path below /proc/sys.
std::string sysctl_key(std::string_view path_below_proc_sys);

// The thread enters the namespace for the length of the open(2) only: the file belongs to the opener's namespace.
Result<void> write_sysctl(const NetworkNamespace& network_namespace, std::string_view key, std::string_view value);
Result<std::string> read_sysctl(const NetworkNamespace& network_namespace,
                                std::string_view key);  // without the line end

// What an open sysctl file holds, without its line end; none when it cannot be read (errno says why). Values are some
// bytes long, never over a page.
std::optional<std::string> read_sysctl_file(int file);

using Sysctls = std::map<std::string, std::string>;

// The values of `keys`, without those that are not there or cannot be read. The thread is inside the namespace once,
// for all of them.
Result<Sysctls> read_sysctls(const NetworkNamespace& network_namespace, const std::vector<std::string>& keys);

}  // namespace netns_lab::node
