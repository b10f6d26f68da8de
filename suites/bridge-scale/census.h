// All containers, looked at in parts and compared with what is declared: a thousand namespaces do not fit into one
// look, and what is found wrong of them does.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/conformance/closed_world.h"
#include "harness/conformance/declaration.h"
#include "harness/model/scenario.h"
#include "harness/model/snapshot.h"

namespace netns_lab::bridge_scale {

// What contradicts one claim: a line each, by whom it is about ("netns7"; "" the node).
class Findings {
 public:
  void add(const std::string& about, const std::string& finding) { all_.emplace_back(about, finding); }
  void append(const Findings& more) { all_.insert(all_.end(), more.all_.begin(), more.all_.end()); }
  bool none() const { return all_.empty(); }
  // The first ten of them, and of the others whom they are about.
  std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

// "netns3 to netns17, netns20": names that end in numbers, those in a row together.
std::string ranges_of(const std::vector<std::string>& names);

class Census {
 public:
  // `topology` is the scenario's, `own` what was seen of the node's own namespace and the pristine one, with all
  // entries. Both outlive the census.
  Census(const Topology& topology, const Snapshot& own);

  // Namespaces, in parts: names to look at by one request each.
  std::vector<std::vector<std::string>> parts() const;
  // What was seen of one part.
  void add(const std::vector<std::string>& part, Snapshot seen);
  // What can only be told once all were added.
  void finish();

  const Findings& namespaces() const { return namespaces_; }
  const Findings& links() const { return links_; }
  const Findings& links_up() const { return links_up_; }
  const Findings& macs() const { return macs_; }
  const Findings& addresses() const { return addresses_; }
  const Findings& routes() const { return routes_; }
  // Of the containers alone; the node is judged by `own`.
  const Findings& undeclared(Area area) const { return undeclared_.at(area); }

 private:
  void look_at(const Attachment& container, const NamespaceState& state);
  void look_at_port(const Attachment& container, const Link* inner);
  void look_at_entries();

  const Topology& topology_;
  const Snapshot& own_;
  const NamespaceState& node_;
  const Link* bridge_ = nullptr;
  std::map<std::string, const Link*> ports_;             // of the node, by name
  std::map<std::string, const Attachment*> containers_;  // by namespace
  std::map<std::string, Declaration> declared_;          // of each namespace alone
  std::map<MacAddress, std::string> owners_;             // of the MACs seen
  Findings namespaces_;
  Findings links_;
  Findings links_up_;
  Findings macs_;
  Findings addresses_;
  Findings routes_;
  std::map<Area, Findings> undeclared_;
};

}  // namespace netns_lab::bridge_scale
