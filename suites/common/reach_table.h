// A truth table of who reaches what, for people.
//
//   from \ to     192.0.2.2  172.16.0.1
//   the node      yes        yes
//   netns1        NO         yes
//   netns1 to 192.0.2.2: 3 of 3: no reply
#pragma once

#include <string>
#include <vector>

namespace netns_lab::suites {

class ReachTable {
 public:
  // A row for each `from` ("" is the node), a column for each `to`, in the order of their coming. No finding: reached.
  void add(const std::string& from, const std::string& to, std::vector<std::string> findings);
  std::size_t size() const { return cells_.size(); }
  bool all_reached() const;  // false when there is no cell: nothing was proved
  std::string text() const;  // expected (every pair) against observed

 private:
  struct Cell {
    std::string from;
    std::string to;
    std::vector<std::string> findings;
  };
  std::vector<Cell> cells_;
};

}  // namespace netns_lab::suites
