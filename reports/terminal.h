// The results of a run for a person at a terminal (or in a CI log): a line per requirement, a message under what is not
// a pass, a verdict.
//
//   TerminalPrinter printer(std::cout, {.colour = Colour::kOff});
//   printer.add(event);          // prints a worker's results when it has ended, so that parallel workers do not mix
//
//   single-namespace, target native, IPv4, lab sandbox
//     pass  single-namespace.namespace      The namespace netns1 exists.
//     FAIL  single-namespace.host-route     The node has the route 10.200.1.1/32 dev veth1.
//           SingleNamespace.HostRouteExists (suites/single-namespace/routes_test.cc:24)
//             expected: …
//     not conformant: 17 passed, 1 failed
#pragma once

#include <iosfwd>
#include <string>

#include "harness/model/run_record.h"
#include "harness/model/run_result.h"

namespace netns_lab::reports {

enum class Colour { kOff, kOn };

struct TerminalOptions {
  Colour colour = Colour::kOff;
  std::string report;  // folder of the reports, named in the last line; "" none
};

class TerminalPrinter {
 public:
  explicit TerminalPrinter(std::ostream& out, TerminalOptions options = {});  // `out` outlives the printer
  void add(const RunEvent& event);

 private:
  void print_worker(const WorkerResult& worker);
  void print_end();

  std::ostream& out_;
  TerminalOptions options_;
  RunResult result_;
};

}  // namespace netns_lab::reports
