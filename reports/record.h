// record.jsonl: one event of the run a line, written as it happens. Every other report can be made from it afterwards.
//
//   NETNS_LAB_ASSIGN(RecordWriter record, RecordWriter::create("netns-lab-report/record.jsonl"));
//   NETNS_LAB_TRY(record.write(event));                    // one write(2): a crash between two events loses none
//   NETNS_LAB_ASSIGN(const Record back, read_record(path));  // a last line that was cut short is told, not refused
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/run_record.h"

namespace netns_lab::reports {

class RecordWriter {
 public:
  static Result<RecordWriter> create(const std::string& path);  // empties a file that is there
  Result<void> write(const RunEvent& event);

 private:
  RecordWriter(UniqueFd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  UniqueFd file_;
  std::string path_;
};

struct Record {
  std::vector<RunEvent> events;
  std::string cut;  // "" or what is missing: "line 12 ends in the middle: the harness was killed while writing it"
};
Result<Record> read_record(const std::string& path);
Result<Record> parse_record(std::string_view text);  // kInvalid names the line that is not an event

std::string record_line(const RunEvent& event);  // with its line end

}  // namespace netns_lab::reports
