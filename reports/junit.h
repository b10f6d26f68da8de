// junit.xml, right at every moment of a run: whoever is killed, the file on disk parses, and what was running stands in
// it as an <error>.
//
//   NETNS_LAB_ASSIGN(JunitFile junit, JunitFile::create("netns-lab-report/junit.xml"));   // already says: the run has
//   not ended junit.add(event);               // memory only NETNS_LAB_TRY(junit.write());   // to disk, when something
//   changed: a temporary file in the same folder, renamed over the old one
//
// Add whatever has arrived, then write once. Schema and meaning of the elements: reports/junit.xsd, reports/README.md.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "harness/base/error.h"
#include "harness/model/run_record.h"
#include "reports/replaced_file.h"

namespace netns_lab::reports {

// The document in memory. Cases that have ended are turned into text once.
class JunitDocument {
 public:
  JunitDocument();
  JunitDocument(JunitDocument&&) noexcept;
  JunitDocument& operator=(JunitDocument&&) noexcept;
  ~JunitDocument();

  void add(const RunEvent& event);
  std::string text() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

class JunitFile {
 public:
  // kTaken while another run writes to the same path.
  static Result<JunitFile> create(std::string path);
  void add(const RunEvent& event);
  Result<void> write();

 private:
  JunitFile(ReplacedFile file, JunitDocument document) : file_(std::move(file)), document_(std::move(document)) {}
  ReplacedFile file_;
  JunitDocument document_;
  bool changed_ = false;
};

// Of a whole record, to be merged or written again.
std::string junit_text(std::span<const RunEvent> events);

}  // namespace netns_lab::reports
