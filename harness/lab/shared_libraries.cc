#include "harness/lab/shared_libraries.h"

#include <fmt/format.h>

#include <deque>
#include <utility>

#include "harness/base/text.h"
#include "harness/process/running_command.h"

namespace netns_lab {
namespace {

constexpr std::size_t kLoadersAtOnce = 4;

process::Command list_command(const std::string& program) {
  process::Command command;
  command.argv = {kLoader, "--list", program};
  command.environment = {{"LC_ALL", "C"}};
  return command;
}

}  // namespace

Result<std::set<std::string>> libraries_of(const std::vector<std::string>& programs) {
  std::set<std::string> all;
  std::deque<std::pair<std::string, process::RunningCommand>> running;
  const auto collect = [&]() -> Result<void> {
    auto [program, command] = std::move(running.front());
    running.pop_front();
    std::string printed;
    process::Chunk chunk;
    while (!chunk.end) {
      chunk = command.read(1 << 20, Deadline::never());
      printed += chunk.output;
    }
    if (chunk.command->how != process::CommandEnd::How::kExited || chunk.command->code != 0) return {};
    NETNS_LAB_ASSIGN(const std::vector<std::string> found, parse_libraries(program, printed));
    all.insert(found.begin(), found.end());
    return {};
  };
  for (const std::string& program : programs) {
    NETNS_LAB_ASSIGN(process::RunningCommand command, process::RunningCommand::start(list_command(program)));
    running.emplace_back(program, std::move(command));
    if (running.size() >= kLoadersAtOnce) NETNS_LAB_TRY(collect());
  }
  while (!running.empty()) NETNS_LAB_TRY(collect());
  return all;
}

Result<std::vector<std::string>> parse_libraries(const std::string& program, std::string_view printed) {
  std::vector<std::string> paths;
  for (const std::string& line : split_lines(printed)) {
    if (line.find("=> not found") != std::string::npos) {
      return tl::unexpected(Error::missing(fmt::format("put {} into a virtual machine", program),
                                           "one of its libraries is missing here: " + visible_line(line)));
    }
    // "\tlibm.so.6 => /lib/…/libm.so.6 (0x…)", "\t/lib64/ld-linux-x86-64.so.2 (0x…)"
    const std::size_t begin = line.find('/');
    const std::size_t end = line.rfind(" (0x");
    if (begin == std::string::npos || end == std::string::npos || begin > end) continue;
    paths.push_back(line.substr(begin, end - begin));
  }
  return paths;
}

}  // namespace netns_lab
