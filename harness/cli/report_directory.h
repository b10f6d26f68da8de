// Where the reports of one run go: made if missing, locked (flock) so that two runs never write the same files.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::cli {

class ReportDirectory {
 public:
  // kInvalid when it cannot be made or written; kTaken when another run is writing there.
  static Result<ReportDirectory> open(const std::string& path);
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  // A file in it cannot be made: the folder that was named is to blame. kInvalid.
  Error refused(const Error& why) const;

 private:
  ReportDirectory(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  UniqueFd lock_;
};

}  // namespace netns_lab::cli
