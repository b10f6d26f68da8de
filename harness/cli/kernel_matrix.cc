#include "harness/cli/kernel_matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/text.h"
#include "harness/lab/qemu/kernel_image.h"

namespace netns_lab::cli {

Result<std::vector<LabSpec>> labs_for_kernels(const LabSpec& lab, const std::vector<std::string>& kernels) {
  if (kernels.size() < 2) return std::vector{lab};
  std::set<std::string> named;
  std::vector<LabSpec> labs;
  for (const std::string& file : kernels) {
    if (!named.insert(file).second) {
      return tl::unexpected(Error::invalid("--kernel " + visible(file, 200), "it is named twice",
                                           "name each kernel once; --repeat N judges more often"));
    }
    const auto kernel = qemu::find_kernel(file);
    LabSpec one = lab;
    one.kernel = file;
    one.kernel_label = kernel ? kernel->release : file;
    labs.push_back(std::move(one));
  }
  std::vector<std::string> labels;
  for (const LabSpec& one : labs) labels.push_back(one.kernel_label);
  for (LabSpec& one : labs) {
    if (std::count(labels.begin(), labels.end(), one.kernel_label) > 1) {
      one.kernel_label = fmt::format("{} ({})", one.kernel_label, one.kernel);
    }
  }
  return labs;
}

}  // namespace netns_lab::cli
