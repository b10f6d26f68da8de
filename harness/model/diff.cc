#include "harness/model/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <utility>

#include "harness/base/text.h"
#include "harness/model/diff_list.h"
#include "harness/model/diff_namespace.h"

namespace netns_lab {
namespace {

std::string place(const std::string& network_namespace) {
  return network_namespace.empty() ? "the node" : visible_line(network_namespace);
}

// The peer's name and namespace as far as the snapshot holds them, else its numbers.
PeerName peer_names(const Snapshot& snapshot, const NamespaceState& state) {
  return [&snapshot, &state](const Link& link) -> std::string {
    if (!link.peer_index) return "";
    const NamespaceState* home = &state;
    if (link.peer_netnsid) {
      home = nullptr;
      const auto inode = state.netnsids.find(*link.peer_netnsid);
      if (inode == state.netnsids.end()) return "in an unknown namespace";
      for (const NamespaceState& candidate : snapshot.namespaces) {
        if (candidate.inode == inode->second) home = &candidate;
      }
      if (home == nullptr) return "in a namespace without a name";
    }
    const Link* peer = home->find_link(*link.peer_index);
    if (peer == nullptr) return "unknown in " + place(home->name);
    return fmt::format("{} in {}", peer->name, place(home->name));
  };
}

PeerName peer_numbers() {
  return [](const Link& link) -> std::string {
    if (!link.peer_index) return "";
    return link.peer_netnsid ? fmt::format("#{} in namespace id {}", *link.peer_index, *link.peer_netnsid)
                             : fmt::format("#{}", *link.peer_index);
  };
}

class SnapshotDiff {
 public:
  SnapshotDiff(const Snapshot& before, const Snapshot& after, const DiffOptions& options)
      : before_(before), after_(after), options_(options) {}

  std::vector<Finding> findings() {
    entries();
    namespaces();
    processes();
    lines("file", before_.files, after_.files);
    lines("mount", before_.mounts, after_.mounts);
    name("host name", before_.host_name, after_.host_name);
    name("domain name", before_.domain_name, after_.domain_name);
    return std::move(findings_);
  }

 private:
  void add(Finding::Kind kind, const char* object, std::string subject, std::string before, std::string after,
           std::string network_namespace = "") {
    findings_.push_back({.kind = kind,
                         .network_namespace = std::move(network_namespace),
                         .object = object,
                         .subject = std::move(subject),
                         .before = std::move(before),
                         .after = std::move(after)});
  }
  bool told(const std::string& name) const {
    return std::any_of(findings_.begin(), findings_.end(), [&](const Finding& finding) {
      return finding.object == "namespace" && finding.subject == name;
    });
  }

  void entries() {
    for (const NamespaceEntry& old : before_.entries) {
      const NamespaceEntry* now = after_.find_entry(old.name);
      if (now == nullptr) {
        add(Finding::Kind::kRemoved, "namespace", old.name, visible_line(printed(old)), "");
        continue;
      }
      NamespaceEntry comparable = *now;
      if (!options_.namespace_identity) comparable.inode = old.inode;
      if (comparable != old) {
        add(Finding::Kind::kChanged, "namespace", old.name, visible_line(printed(old)), visible_line(printed(*now)));
      }
    }
    for (const NamespaceEntry& now : after_.entries) {
      if (before_.find_entry(now.name) == nullptr) {
        add(Finding::Kind::kAdded, "namespace", now.name, "", visible_line(printed(now)));
      }
    }
  }

  void namespaces() {
    for (const NamespaceState& old : before_.namespaces) {
      if (after_.find_namespace(old.name) != nullptr) continue;
      if (!told(old.name)) add(Finding::Kind::kRemoved, "namespace", old.name, place(old.name), "");
      if (options_.contents_of_whole_namespaces) contents(old, emptied(old));
    }
    for (const NamespaceState& now : after_.namespaces) {
      const NamespaceState* old = before_.find_namespace(now.name);
      if (old == nullptr) {
        if (!told(now.name)) add(Finding::Kind::kAdded, "namespace", now.name, "", place(now.name));
        if (options_.contents_of_whole_namespaces) contents(emptied(now), now);
        continue;
      }
      if (options_.namespace_identity && old->inode != now.inode && !told(now.name)) {
        add(Finding::Kind::kChanged, "namespace", now.name, fmt::format("inode {}", old->inode),
            fmt::format("inode {}", now.inode));
      }
      contents(*old, now);
    }
  }

  static NamespaceState emptied(const NamespaceState& state) {
    NamespaceState empty;
    empty.name = state.name;
    return empty;
  }

  void contents(const NamespaceState& old, const NamespaceState& now) {
    const std::vector<Finding> found =
        diff_contents(old, now, options_, peer_names(before_, old), peer_names(after_, now));
    findings_.insert(findings_.end(), found.begin(), found.end());
  }

  std::string namespace_of(const Snapshot& snapshot, const ProcessState& process) const {
    for (const NamespaceState& state : snapshot.namespaces) {
      if (state.inode == process.network_namespace_inode) return state.name;
    }
    return "";
  }

  void processes() {
    std::map<int, const ProcessState*> left;
    for (const ProcessState& now : after_.processes) left.emplace(now.pid, &now);
    const auto subject = [](const ProcessState& process) {
      return fmt::format("{} '{}'", process.pid, visible_line(process.command));
    };
    for (const ProcessState& old : before_.processes) {
      const auto found = left.find(old.pid);
      if (found == left.end()) {
        add(Finding::Kind::kRemoved, "process", subject(old), printed(old), "", namespace_of(before_, old));
        continue;
      }
      const ProcessState& now = *found->second;
      if (now != old) {
        add(Finding::Kind::kChanged, "process", subject(now), printed(old), printed(now), namespace_of(after_, now));
      }
      left.erase(found);
    }
    for (const auto& [pid, now] : left) {
      add(Finding::Kind::kAdded, "process", subject(*now), "", printed(*now), namespace_of(after_, *now));
    }
  }

  void lines(const char* object, const std::vector<std::string>& old, const std::vector<std::string>& now) {
    const auto holds = [](const std::vector<std::string>& all, const std::string& line) {
      return std::find(all.begin(), all.end(), line) != all.end();
    };
    for (const std::string& line : old) {
      if (!holds(now, line)) add(Finding::Kind::kRemoved, object, visible_line(line), visible_line(line), "");
    }
    for (const std::string& line : now) {
      if (!holds(old, line)) add(Finding::Kind::kAdded, object, visible_line(line), "", visible_line(line));
    }
  }

  // "" is not known: nobody asked for files.
  void name(const char* object, const std::string& old, const std::string& now) {
    if (old == now || old.empty() || now.empty()) return;
    add(Finding::Kind::kChanged, object, visible_line(now), visible_line(old), visible_line(now));
  }

  const Snapshot& before_;
  const Snapshot& after_;
  const DiffOptions& options_;
  std::vector<Finding> findings_;
};

}  // namespace

std::string to_string(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kAdded:
      return "added";
    case Finding::Kind::kRemoved:
      return "removed";
    case Finding::Kind::kChanged:
      return "changed";
  }
  return std::to_string(static_cast<unsigned>(kind));
}

std::string to_string(const Finding& finding) {
  const std::string where = place(finding.network_namespace);
  const char* preposition = finding.network_namespace.empty() ? "on" : "in";
  switch (finding.kind) {
    case Finding::Kind::kAdded:
      return fmt::format("new {} {} {}: {}", finding.object, preposition, where, finding.after);
    case Finding::Kind::kRemoved:
      return fmt::format("{} gone from {}: {}", finding.object, where, finding.before);
    case Finding::Kind::kChanged:
      return fmt::format("{} {} {} {} changed: {}, now {}", finding.object, finding.subject, preposition, where,
                         finding.before, finding.after);
  }
  return finding.object + ' ' + finding.subject;
}

std::ostream& operator<<(std::ostream& out, const Finding& finding) { return out << to_string(finding); }

std::string to_lines(const std::vector<Finding>& findings) {
  if (findings.empty()) return "nothing changed\n";
  std::string text;
  for (const Finding& finding : findings) text += to_string(finding) + '\n';
  return text;
}

std::vector<Finding> diff(const Snapshot& before, const Snapshot& after, const DiffOptions& options) {
  return SnapshotDiff(before, after, options).findings();
}

std::vector<Finding> diff(const NamespaceState& before, const NamespaceState& after, const DiffOptions& options) {
  return diff_contents(before, after, options, peer_numbers(), peer_numbers());
}

}  // namespace netns_lab
