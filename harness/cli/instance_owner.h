// Whose an instance of multipass is: one that was launched for a lab has a token of the lab's in it, so that one of the
// same name that somebody made anew is not taken for it.
//
//   made (in the lab's folder):  lab            its name, written before it is launched
//                                9f86d081…      the token
//                                marked         it is in the instance
//                                lab-2          the next one's, where the lab has several
//                                …
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/lab/multipass/driver.h"

namespace netns_lab::cli {

struct MadeInstance {
  std::string name;
  std::string token;
  // False between its launch and the moment when the token is in it: it is ours then by its name alone.
  bool is_marked = false;
};

// A new token, for an instance that is about to be launched.
Result<MadeInstance> new_instance(const std::string& name);
// Writes it down, in the place of what was known of that name.
Result<void> remember(const std::string& folder, const MadeInstance& made);
Result<void> forget(const std::string& folder, const std::string& name);
// In the order of their launch. None: nothing was launched for the lab in this folder.
std::vector<MadeInstance> read_made(const std::string& folder);

// It runs. Where it was launched for the lab: puts the token into it, and remembers that. When it has been there and is
// not there any more, the instance is another one: that is forgotten, told, and the instance is left alone from then
// on.
Result<void> mark(multipass::Driver& driver, const std::string& folder, const std::string& name);

// For `destroy`: deletes and purges it, or leaves one that is not there or was deleted already, with a word. kTaken,
// with the way out, when it is not the one that was launched: nothing is done to it.
Result<void> remove_made(multipass::Driver& driver, const MadeInstance& made, const std::string& folder);

}  // namespace netns_lab::cli
