// Which lab the command line means.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/cli/arguments.h"
#include "harness/lab/lab.h"
#include "harness/model/scenario.h"

namespace netns_lab::cli {

// --lab and --name (the default name when none is given), checked. kInvalid, or kMissing for a provider that is not
// available.
Result<LabSpec> named_lab_spec(const Arguments& arguments);
// How long such a lab may take to come up, or to go.
Deadline limit_for(const LabSpec& spec);

// A standing machine runs the kernel it was booted with: kTaken when that is another one than is asked for. `running`
// is its release.
Result<void> check_kernel(const LabSpec& spec, const std::string& running);
// The lab that was found up has the state disk that is asked for, if one is. kTaken when not.
Result<void> check_state_disk(const LabSpec& spec);
// Of a lab that is up: options of a machine that is made have no effect, which is told.
void tell_what_is_not_changed(const LabSpec& standing);

// For `test`: the named lab when --name is given and that lab is up; a private one otherwise.
struct LabChoice {
  LabSpec spec;
  bool name_unused = false;  // --name was given, but no such lab is up
};
Result<LabChoice> choose_lab(const Arguments& arguments);

// How that lab is said on a command line: " --lab host --name blue", "" for the default one.
std::string lab_options(const LabSpec& spec);
// What to type to look at what stands in it, and to be rid of it: lines for a person to paste.
std::string look_around(const LabSpec& spec, const Topology& topology);

// Sessions to the standing lab that is meant. kMissing, with the command that makes it, when it is not up.
Result<Lab> open_named_lab(const Arguments& arguments);

}  // namespace netns_lab::cli
