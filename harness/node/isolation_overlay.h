// Folders of a read-only root that a target may write to all the same, without the machine noticing.
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab::node {

enum class Cover { kOverlay, kTmpfs };

// Makes the folders in `scratch`, an existing folder on a tmpfs of ours, that the layers go into.
Result<void> prepare_scratch(const std::string& scratch);

// Makes `folder` writable: an overlay of it whose upper layer is `upper` (made here, beside its work folder), else a
// tmpfs with what was there bound read-only into it. Mounts below the folder stay where they are. Returns which it
// became. `scratch`: an existing folder on a tmpfs of ours.
Result<Cover> cover_writable(const std::string& folder, const std::string& scratch,
                             const std::vector<std::string>& mount_points);

// Where cover_writable puts what is written to `folder` ("/run/.netns-lab/upper/etc").
std::string upper_of(const std::string& folder, const std::string& scratch);

// Where what `folder` held before can still be seen ("/run/.netns-lab/lower/etc").
std::string lower_of(const std::string& folder, const std::string& scratch);

// `folder` with the files of `added` in it, read-only (an overlay of two lower layers).
Result<void> cover_with(const std::string& folder, const std::string& added);

}  // namespace netns_lab::node
