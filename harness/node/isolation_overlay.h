// Folders of a read-only root that a target may write to all the same, without the machine noticing.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab::node {

struct Cover {
  // Folders, and where what is written to them lies: the upper layer of an overlay, or the folder itself.
  std::vector<std::pair<std::string, std::string>> writable;
  // Those of them that are a tmpfs: the files that were right in them are there, read-only.
  std::vector<std::string> parted;
  std::vector<std::string> read_only;  // folders in them that no overlay could be laid over
};

// Makes the folders in `scratch`, an existing folder on a tmpfs of ours, that the layers go into.
Result<void> prepare_scratch(const std::string& scratch);

// Makes `folder` writable: an overlay of it whose upper layer is made here, beside its work folder. The kernel refuses
// one over a folder that holds mounts of a more privileged namespace (clone_private_mount, fs/namespace.c): that
// becomes a tmpfs with what was there bound into it, whose folders are made writable in the same way. Mounts below the
// folder stay where they are. `scratch`: an existing folder on a tmpfs of ours.
Result<Cover> cover_writable(const std::string& folder, const std::string& scratch,
                             const std::vector<std::string>& mount_points);

// Where cover_writable puts what is written to `folder` ("/run/.netns-lab/upper/etc").
std::string upper_of(const std::string& folder, const std::string& scratch);

// Where what `folder` held before can still be seen ("/run/.netns-lab/lower/etc").
std::string lower_of(const std::string& folder, const std::string& scratch);

// `folder` with the files of `added` in it, read-only (an overlay of two lower layers).
Result<void> cover_with(const std::string& folder, const std::string& added);

}  // namespace netns_lab::node
