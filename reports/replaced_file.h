// A file that is replaced as a whole, often, and is complete at every moment: whoever reads it, whoever is killed.
//
//   NETNS_LAB_ASSIGN(ReplacedFile file, ReplacedFile::create("junit.xml", text));
//   NETNS_LAB_TRY(file.replace(new_text));
//
// Two files lie in the folder, `junit.xml` and `junit.xml.new`; the new text goes into the second, then the kernel
// exchanges their names in one step (renameat2, RENAME_EXCHANGE). That costs a tenth of making a new file and renaming
// it over the old one, which ext4 answers by starting to write it out; where the file system cannot exchange, the
// latter is done. The second file is gone when the object is; a killed process leaves it, and the next one takes it
// over.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::reports {

class ReplacedFile {
 public:
  // kTaken while another process holds the file the same way; kSystem otherwise.
  static Result<ReplacedFile> create(std::string path, std::string_view text);
  Result<void> replace(std::string_view text);

  ReplacedFile(ReplacedFile&& other) noexcept;
  ReplacedFile& operator=(ReplacedFile&& other) = delete;
  ~ReplacedFile();

 private:
  struct Side {  // one of the two files
    UniqueFd file;
    std::size_t size = 0;
  };
  explicit ReplacedFile(std::string path);
  Result<void> fill(Side& side, std::string_view text) const;
  Result<void> swap_names();
  Result<void> renew_spare();

  std::string path_;
  std::string spare_path_;
  Side shown_;
  Side spare_;
  pid_t owner_;  // a forked child leaves the files alone
};

}  // namespace netns_lab::reports
