#include "reports/record.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "harness/model/json.h"
#include "harness/model/json_support.h"

namespace netns_lab::reports {
namespace {

Result<RunEvent> parse_line(std::string_view line) {
  NETNS_LAB_ASSIGN(const nlohmann::json json, parse_json(line));
  return json_to<RunEvent>(json);
}

}  // namespace

std::string record_line(const RunEvent& event) { return dump_json(nlohmann::json(event)) + "\n"; }

Result<RecordWriter> RecordWriter::create(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666));
  if (!file.valid()) return tl::unexpected(Error::system("create " + path, errno));
  return RecordWriter(std::move(file), path);
}

Result<void> RecordWriter::write(const RunEvent& event) {
  const std::string line = record_line(event);
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::unexpected(Error::system("write to " + path_, errno));
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<Record> parse_record(std::string_view text) {
  Record record;
  for (unsigned number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    Result<RunEvent> event = parse_line(line);
    if (event) {
      record.events.push_back(*std::move(event));
    } else if (end == std::string_view::npos) {
      record.cut = fmt::format("line {} ends in the middle: the harness was stopped while it wrote it", number);
    } else {
      return tl::unexpected(Error::invalid(fmt::format("line {} of the record", number), event.error().message(),
                                           "give a record.jsonl that netns-lab of this version has written"));
    }
  }
  return record;
}

Result<Record> read_record(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return tl::unexpected(Error::system("open " + path, errno));
  std::string text;
  std::array<char, 65536> chunk;
  while (true) {
    const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected(Error::system("read " + path, errno));
    if (got == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  Result<Record> record = parse_record(text);
  if (!record) {
    Error error = record.error();
    error.attempted = path + ": " + error.attempted;
    return tl::unexpected(std::move(error));
  }
  return record;
}

}  // namespace netns_lab::reports
