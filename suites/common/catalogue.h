// What the requirements of every scenario have in common: how an id is made, and the closed world.
//
//   const suites::Catalogue kCatalogue("bridge", "tutorial part 2");
//   kCatalogue.must("build", "tutorial part 2, all steps", "The target reports …", {}, "…");   // bridge.build
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/model/verdict.h"

namespace netns_lab::suites {

class Catalogue {
 public:
  // `tutorial` is where the scenario comes from: "tutorial part 1".
  Catalogue(std::string scenario, std::string tutorial)
      : scenario_(std::move(scenario)), tutorial_(std::move(tutorial)) {}

  // A MUST of this scenario; `id` and `rests_on` are without its name.
  Requirement must(std::string id, std::string source, std::string text, std::vector<std::string> rests_on,
                   std::string why) const;

  // What every scenario can claim: what is declared is there, what nobody declared is not, and all goes and comes as a
  // whole; the scenario's `own` claims stand before the last two. `works` is the one of them whose judgement
  // NETNS_LAB_LIFE repeats after a rebuild. NETNS_LAB_DECLARED and NETNS_LAB_LIFE judge the others (declared_cases.h).
  std::vector<Requirement> as_declared(std::vector<Requirement> own, const std::string& works) const;

  // What nobody declared is not there, an area each (conformance/closed_world.h): no-other-links and so on.
  std::vector<Requirement> closed_world() const;

 private:
  std::string scenario_;
  std::string tutorial_;
};

void add(std::vector<Requirement>& all, std::vector<Requirement> more);
// Says otherwise what that one of them claims; it must be there.
void reword(std::vector<Requirement>& all, const std::string& id, std::string text);

}  // namespace netns_lab::suites
