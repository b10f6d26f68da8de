#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "harness/base/text.h"
#include "harness/node/command_handles.h"
#include "harness/node/operations.h"
#include "harness/node/session.h"

namespace netns_lab::node {
namespace {

constexpr std::uint32_t kMostAtOnce = 8u << 20;  // of one `read`, bytes: well inside a frame

Result<void> check_put_path(const std::string& path) {
  static constexpr std::array<const char*, 6> kWritable = {"/home/", "/tmp/", "/etc/", "/var/", "/run/", "/root/"};
  const auto refuse = [&](const char* why) {
    return tl::unexpected(Error::invalid(fmt::format("put a file at {}", visible(path, 200)), why,
                                         "put it below /home, /tmp, /etc, /var, /run or /root"));
  };
  if (path.find('\0') != std::string::npos) return refuse("a path has no NUL");
  const std::filesystem::path plain = std::filesystem::path(path).lexically_normal();
  if (plain.native() != path || !plain.has_filename()) return refuse("it is not a plain absolute path of a file");
  if (std::none_of(kWritable.begin(), kWritable.end(), [&](const char* root) { return path.rfind(root, 0) == 0; })) {
    return refuse("files are put nowhere else");
  }
  return {};
}

Result<void> write_file(const std::string& path, std::uint32_t mode, std::string_view bytes) {
  const std::string attempted = fmt::format("put {} bytes at {}", bytes.size(), path);
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
  if (failed) return tl::unexpected(Error::system(attempted, failed.value()));
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return tl::unexpected(Error::system(attempted, errno));
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::unexpected(Error::system(attempted, errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fchmod(file.get(), mode & 07777) != 0) return tl::unexpected(Error::system(attempted, errno));
  return {};
}

Result<void> check_commands(const AgentContext& node, std::string attempted) {
  if (node.commands) return {};
  return tl::unexpected(Error::internal(std::move(attempted) + " on " + node.node,
                                        "this lab was made for a target and tests that do nothing of the kind "
                                        "(Scenario::tests_run_commands, Target::is_builtin)"));
}

}  // namespace

Result<protocol::HandleReply> run(OperationContext& context, const protocol::RunRequest& request) {
  Session& session = context.session;
  NETNS_LAB_TRY(check_commands(session.agent().context, "run a command"));
  session.agent().origin.sysctls().close();
  // The command may be a target's tear-down: a capture of ours would keep what it deletes alive.
  session.release_named_captures();
  session.agent().origin.note();
  protocol::RunRequest whole = request;
  whole.standard_input += context.raw;
  NETNS_LAB_ASSIGN(auto command, start_command(whole, session.agent().context.namespace_directory));
  NETNS_LAB_ASSIGN(const protocol::Handle handle, session.handles().add(std::move(command)));
  return protocol::HandleReply{.handle = handle};
}

Result<protocol::ReadReply> read(OperationContext& context, const protocol::ReadRequest& request) {
  NETNS_LAB_ASSIGN(const auto object, context.session.handles().find(request.handle));
  const Deadline wait = Deadline::after(std::clamp<std::chrono::milliseconds>(
                                            request.wait, std::chrono::milliseconds(0), protocol::kLongestLimit))
                            .sooner_of(context.deadline);
  NETNS_LAB_ASSIGN(Taken taken, object->read(std::min(request.maximum, kMostAtOnce), wait, context.cancellation));
  // What the command did to the mounts this agent stands on is told, and mended, before anything else is asked of it.
  if (taken.reply.command) static_cast<void>(context.session.agent().origin.mounts());
  context.reply_raw = std::move(taken.bytes);
  return std::move(taken.reply);
}

Result<protocol::Empty> write(OperationContext& context, const protocol::WriteRequest& request) {
  NETNS_LAB_ASSIGN(const auto object, context.session.handles().find(request.handle));
  NETNS_LAB_TRY(object->write(request, context.raw, context.deadline, context.cancellation));
  return protocol::Empty();
}

Result<protocol::Empty> close(OperationContext& context, const protocol::CloseRequest& request) {
  NETNS_LAB_TRY(context.session.handles().close(request.handle, context.deadline));
  return protocol::Empty();
}

Result<protocol::Empty> put(OperationContext& context, const protocol::PutRequest& request) {
  NETNS_LAB_TRY(check_commands(context.session.agent().context, "write a file"));
  NETNS_LAB_TRY(check_put_path(request.path));
  context.session.objects().before_file(request.path);
  NETNS_LAB_TRY(write_file(request.path, request.mode, context.raw));
  context.session.objects().after_file(request.path, request.mode, context.raw);
  return protocol::Empty();
}

}  // namespace netns_lab::node
