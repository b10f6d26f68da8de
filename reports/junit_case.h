// The elements of junit.xml as text; pugixml lives behind this. Internal to this folder.
//
// Whatever bytes a text holds, the result is valid XML 1.0: what XML cannot hold is made visible (harness/base/text.h),
// and very long texts are cut.
#pragma once

#include <string>
#include <string_view>

#include "harness/model/run_record.h"

namespace netns_lab::reports {

// Unique in the file: readers fold cases of the same class name and name into one.
struct CaseIdentity {
  std::string class_name;
  std::string name;
};

// <testcase> with requirement ids, level and what the worker is as properties.
std::string ended_case(const CaseIdentity& identity, const CaseEnded& one, const WorkerStarted& worker);
// <testcase> without a verdict: <error type="…">.
std::string unfinished_case(const CaseIdentity& identity, std::string_view file, int line, std::string_view type,
                            std::string_view message);
// <properties> of a worker's <testsuite>.
std::string suite_properties(const WorkerStarted& worker);
// A value fit to stand between double quotes.
std::string attribute(std::string_view value);

}  // namespace netns_lab::reports
