// The node's side of `run`: a command started as the tutorial would start it, behind a handle that is read, written and
// closed.
//
// Its environment is a clean base (a root login of the node: PATH, HOME=/home/ubuntu, USER, LOGNAME, SHELL,
// LANG=C.UTF-8, TERM for terminals) with the request's on top; its folder /home/ubuntu unless the request names
// another; its network namespace the named one, or the node's own.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "harness/base/error.h"
#include "harness/node/handle.h"
#include "harness/protocol/messages.h"

namespace netns_lab::node {

// `namespace_directory` holds the named namespaces. kInvalid: no argv, a namespace name that is none, input for a
// terminal; kSystem: what the kernel refused (ENOENT: no such namespace). A program that cannot be executed is no
// error: its end says kNotStarted. `/home/ubuntu`, when it is the default and not there, is replaced by `/`.
Result<std::unique_ptr<HandleObject>> start_command(const protocol::RunRequest& request,
                                                    const std::string& namespace_directory = "/run/netns");

// What a command finds in its environment before the request's own variables.
std::map<std::string, std::string> base_environment(bool terminal);

}  // namespace netns_lab::node
