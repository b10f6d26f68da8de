#include "suites/common/catalogue.h"

#include <algorithm>
#include <stdexcept>

namespace netns_lab::suites {

Requirement Catalogue::must(std::string id, std::string source, std::string text, std::vector<std::string> rests_on,
                            std::string why) const {
  Requirement requirement;
  requirement.id = scenario_ + "." + id;
  requirement.source = std::move(source);
  requirement.text = std::move(text);
  for (auto& other : rests_on) requirement.rests_on.push_back(scenario_ + "." + other);
  requirement.why = std::move(why);
  return requirement;
}

std::vector<Requirement> Catalogue::closed_world() const {
  const auto closed = [this](std::string id, std::string text, std::vector<std::string> rests_on, std::string why) {
    return must("no-other-" + std::move(id), tutorial_ + " (closed world: what is not declared is not there)",
                std::move(text), std::move(rests_on), std::move(why));
  };
  return {
      closed("links",
             "Neither the node nor a namespace of the scenario has a link that is not declared; the node's other "
             "links, and "
             "lo in a namespace, are as they were made.",
             {}, "A left-over link is a second way in, and the next build may trip over its name."),
      closed("addresses",
             "No other address was added, changed or removed, on the node or in a namespace; those that the kernel "
             "makes (127.0.0.1, ::1, link-local ones) are there.",
             {}, "A stray address answers for somebody else, or becomes the source of the container's packets."),
      closed("routes",
             "No other route was added, changed or removed, on the node or in a namespace, in any table; those that "
             "the kernel makes for an address are there.",
             {},
             "A stray route takes packets elsewhere as soon as it is the more specific one; without its local route an "
             "address takes nothing in."),
      closed("rules", "The routing rules of the node and of a namespace of the scenario are the kernel's own three.",
             {}, "A rule sends packets to a table that nobody looks at."),
      closed(
          "neighbours",
          "There is no neighbour entry made by hand (permanent, proxy, externally learned, without resolution) that "
          "was not there before, and none on a declared link that knows another MAC than that of the address's owner.",
          {},
          "An entry made by hand hides that neighbour resolution is broken, and is wrong as soon as a link is made "
          "anew."),
      closed("sysctls", "No network sysctl of the node or of a namespace was changed.", {},
             "A changed sysctl (ip_forward, rp_filter, proxy_arp) changes what the whole node does with packets."),
      closed("packet-filters",
             "No nftables table, no rule or policy of the old iptables, no policy or state of IPsec (xfrm) and no XDP "
             "program was "
             "added, on the node or in a namespace.",
             {}, "A filter or a NAT rule can let the checks pass and real traffic fail, or the reverse."),
      closed("qdiscs", "No queueing discipline was added or changed.", {},
             "A queueing discipline can delay, limit or drop packets."),
      closed("sockets", "Nothing listens that did not listen before.", {},
             "A listening socket is a process left behind, and a way in."),
      closed("namespaces", "No other entry was made in /run/netns.", {},
             "A left-over name keeps its namespace, and all in it, alive."),
      closed("files",
             "No file was left behind, changed or deleted in /etc, /var, /tmp, /home, /root, /run or /dev, and these "
             "folders are as they were.",
             {}, "Left-over files fill disks, and the next run may believe them."),
      closed("mounts", "Nothing was mounted, unmounted or mounted otherwise, but for names in /run/netns.", {},
             "A mount hides what lies below it, or keeps a namespace and all in it alive."),
      closed("host-name", "The node has the host name and the NIS domain name that it had.", {},
             "A container's network is no reason to rename the machine."),
      closed("processes", "No process was left running.", {},
             "A process left behind can change the network at any later moment."),
  };
}

std::vector<Requirement> Catalogue::as_declared(std::vector<Requirement> own, const std::string& works) const {
  const auto declared = [this](std::string id, std::string text, std::vector<std::string> rests_on, std::string why) {
    return must(std::move(id), tutorial_ + " (what is declared is there)", std::move(text), std::move(rests_on),
                std::move(why));
  };
  std::vector<Requirement> all = {
      declared(
          "build", "The target reports that it built the network.", {},
          "A target that fails half-way leaves a network that nobody can rely on, whatever happens to work in it."),
      declared("namespaces",
               "Each namespace of the scenario is a mount of a network namespace of its own in /run/netns, with one "
               "name.",
               {}, "Two names of one namespace isolate nothing, and a further name keeps it alive after its deletion."),
      declared("links",
               "Each declared link is in its place, of its kind, with its peer, its bridge, its flags and its MTU; a "
               "bridge has its declared ports only.",
               {"namespaces"}, "Without a link, or with it elsewhere, something is not joined that should be."),
      declared("links-up",
               "Each declared link is administratively up with carrier, its operational state is UP; lo is up in each "
               "namespace.",
               {"links"}, "A link that is down drops every packet."),
      declared("addresses", "Each declared link has exactly its declared addresses.", {"links"},
               "An address in the wrong place answers for somebody else, or for nobody."),
      declared("routes",
               "To each declared destination leads the declared route and no other; declared settings have their "
               "values.",
               {"addresses", "links-up"},
               "Packets that are not told where to go are dropped, or go where nobody expects them."),
  };
  for (Requirement& closed : closed_world()) {
    if (closed.id == scenario_ + ".no-other-sysctls")
      closed.text =
          "No network sysctl of the node or of a namespace was changed but those that are declared, and what the "
          "kernel "
          "sets along with these.";
    all.push_back(std::move(closed));
  }
  all.push_back(must("no-other-forwarding", tutorial_ + " (closed world: what is not declared is not there)",
                     "No bridge has a forwarding entry that was made by hand.", {},
                     "Such an entry sends a container's packets to a port behind which it is not."));
  add(all, std::move(own));
  all.push_back(declared("tear-down",
                         "After tear-down, once the kernel has deleted the links, the node is exactly as before the "
                         "build.",
                         {}, "What is left behind is in the way of the next build."));
  all.push_back(declared(
      "rebuild", "Build, tear down, build again works: the same network stands, and carries packets again.",
      {"build", works, "tear-down"}, "A network that can be built only once needs a reboot after the first mistake."));
  return all;
}

void add(std::vector<Requirement>& all, std::vector<Requirement> more) {
  for (auto& requirement : more) all.push_back(std::move(requirement));
}

void reword(std::vector<Requirement>& all, const std::string& id, std::string text) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Requirement& one) { return one.id == id; });
  if (found == all.end()) throw std::logic_error("there is no requirement " + id);
  found->text = std::move(text);
}

}  // namespace netns_lab::suites
