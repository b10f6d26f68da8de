// Named network namespaces, as `ip netns` keeps them: a file per name in a folder (/run/netns), with the namespace
// bind-mounted on it.
//
//   NETNS_LAB_TRY(name_namespace(netns, "/run/netns", "netns1"));
//   NETNS_LAB_TRY(unname_namespace("/run/netns", "netns1"));
//
// The folder must be the caller's own (in a sandbox /run is): a name made here is seen by everybody who sees the mount.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/snapshot.h"
#include "harness/netns/mount_table.h"
#include "harness/netns/netns.h"

namespace netns_lab {

inline constexpr auto kNamespaceDirectory = "/run/netns";

// A file name of 1 to 255 bytes (NAME_MAX) without '/' and NUL, not "." and not "..": what `ip netns add` takes.
// kInvalid says what is wrong.
Result<void> check_namespace_name(std::string_view name);

// Gives a namespace a name. Makes the folder where it is missing, and a shared mount of itself, as `ip netns add` does.
// kTaken when the name is in use, by a namespace or by a plain file; kInvalid for a bad name.
Result<void> name_namespace(const NetworkNamespace& network_namespace, const std::string& directory,
                            const std::string& name);

// Makes a new namespace and names it: `ip netns add`.
Result<NetworkNamespace> create_named_namespace(const std::string& directory, const std::string& name);

// `ip netns delete`: detaches the (topmost) mount and removes the file; the namespace lives on while anything else
// refers to it. Where mounts are stacked on the name, all go. kMissing when there is no such name.
Result<void> unname_namespace(const std::string& directory, const std::string& name);

// Everything in the folder, by name, plain files that are left over included. An absent folder has no entries.
Result<std::vector<NamespaceEntry>> list_namespace_entries(const std::string& directory);
// The same for one who has just read `mounts`.
Result<std::vector<NamespaceEntry>> list_namespace_entries(const std::string& directory, const MountTable& mounts);

}  // namespace netns_lab
