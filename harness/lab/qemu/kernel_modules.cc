#include "harness/lab/qemu/kernel_modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "harness/base/text.h"

namespace netns_lab::qemu {
namespace {

// The machine's port, and the writable folders of a sandbox.
constexpr const char* kNeeded[] = {"virtio_pci", "virtio_console", "overlay"};
constexpr const char* kWanted[] = {
    "virtio_pci", "virtio_console", "overlay",
    // Links.
    "veth", "bridge", "vxlan", "8021q", "macvlan", "macvtap", "ipvlan", "vrf", "wireguard", "geneve", "dummy", "tun",
    // Queueing.
    "sch_netem", "sch_tbf", "sch_ingress", "cls_u32",
    // Firewall and address translation, as nft and as iptables over nft ask for them.
    "nf_tables", "nft_chain_nat", "nft_nat", "nft_masq", "nft_redir", "nft_ct", "nft_reject_inet", "nft_limit",
    "nft_log", "nft_hash", "nft_fib_inet", "nft_compat", "nf_conntrack", "nf_nat", "xt_MASQUERADE", "xt_nat", "xt_mark",
    "xt_comment", "xt_conntrack", "xt_addrtype", "xt_multiport", "xt_tcpudp", "ipt_REJECT", "iptable_nat",
    "iptable_filter",
    // Observation.
    "af_packet", "inet_diag", "tcp_diag", "udp_diag"};

std::string module_name(std::string_view path) {
  std::string name(path.substr(path.rfind('/') + 1));  // npos + 1 is 0
  name = name.substr(0, name.find(".ko"));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

struct KnownModule {
  std::string file;
  std::vector<std::string> needs;  // names
};
using Catalogue = std::map<std::string, KnownModule>;

Catalogue read_catalogue(std::string_view dependencies) {
  Catalogue catalogue;
  for (const std::string& line : split_lines(dependencies)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    KnownModule known{.file = line.substr(0, colon), .needs = {}};
    std::istringstream words(line.substr(colon + 1));
    for (std::string word; words >> word;) known.needs.push_back(module_name(word));
    catalogue[module_name(known.file)] = std::move(known);
  }
  return catalogue;
}

// What it needs first. A circle (there is none in a real kernel) ends where it began.
void add(const Catalogue& catalogue, const std::string& name, std::set<std::string>& added,
         std::vector<std::string>& files) {
  const auto known = catalogue.find(name);
  if (known == catalogue.end() || !added.insert(name).second) return;
  for (const std::string& needed : known->second.needs) add(catalogue, needed, added, files);
  files.push_back(known->second.file);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::span<const char* const> wanted_modules() { return kWanted; }

ModulePlan plan_modules(std::span<const char* const> wanted, std::string_view dependencies, std::string_view built_in) {
  const Catalogue catalogue = read_catalogue(dependencies);
  std::set<std::string> in_kernel;
  for (const std::string& line : split_lines(built_in)) in_kernel.insert(module_name(line));
  ModulePlan plan;
  std::set<std::string> added;
  for (const char* one : wanted) {
    const std::string name = module_name(one);
    if (in_kernel.contains(name)) continue;
    if (!catalogue.contains(name)) plan.lacking.emplace_back(one);
    add(catalogue, name, added, plan.files);
  }
  return plan;
}

Result<ModulePlan> plan_modules(const std::string& folder) {
  ModulePlan plan =
      plan_modules(wanted_modules(), read_file(folder + "/modules.dep"), read_file(folder + "/modules.builtin"));
  for (const char* needed : kNeeded) {
    if (std::find(plan.lacking.begin(), plan.lacking.end(), needed) == plan.lacking.end()) continue;
    return tl::unexpected(
        Error::missing(fmt::format("use the kernel modules in {}", folder),
                       fmt::format("there is no {}, without which no lab can be in the machine", needed),
                       "apt-get install linux-image-cloud-amd64, and use that kernel"));
  }
  return plan;
}

}  // namespace netns_lab::qemu
