#include "harness/lab/qemu/kernel_modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "harness/base/text.h"

namespace netns_lab::qemu {
namespace {

// The machine's port, and the writable folders and the uplink of a sandbox.
constexpr const char* kNeeded[] = {"virtio_pci", "virtio_console", "overlay", "veth"};
struct Wanted {
  const char* name;
  const char* option;  // of the kernel's configuration
};
constexpr Wanted kWanted[] = {
    {"virtio_pci", "CONFIG_VIRTIO_PCI"},
    {"virtio_console", "CONFIG_VIRTIO_CONSOLE"},
    {"overlay", "CONFIG_OVERLAY_FS"},
    // Links.
    {"veth", "CONFIG_VETH"},
    {"bridge", "CONFIG_BRIDGE"},
    {"br_netfilter", "CONFIG_BRIDGE_NETFILTER"},
    {"vxlan", "CONFIG_VXLAN"},
    {"8021q", "CONFIG_VLAN_8021Q"},
    {"virtio_net", "CONFIG_VIRTIO_NET"},  // wires to other machines
    {"macvlan", "CONFIG_MACVLAN"},
    {"macvtap", "CONFIG_MACVTAP"},
    {"ipvlan", "CONFIG_IPVLAN"},
    {"vrf", "CONFIG_NET_VRF"},
    {"wireguard", "CONFIG_WIREGUARD"},
    {"geneve", "CONFIG_GENEVE"},
    {"dummy", "CONFIG_DUMMY"},
    {"tun", "CONFIG_TUN"},
    // Queueing.
    {"sch_netem", "CONFIG_NET_SCH_NETEM"},
    {"sch_tbf", "CONFIG_NET_SCH_TBF"},
    {"sch_ingress", "CONFIG_NET_SCH_INGRESS"},
    {"cls_u32", "CONFIG_NET_CLS_U32"},
    // Firewall and address translation, as nft and as iptables over nft ask for them.
    {"nf_tables", "CONFIG_NF_TABLES"},
    {"nft_chain_nat", "CONFIG_NFT_NAT"},
    {"nft_nat", "CONFIG_NFT_NAT"},
    {"nft_masq", "CONFIG_NFT_MASQ"},
    {"nft_redir", "CONFIG_NFT_REDIR"},
    {"nft_ct", "CONFIG_NFT_CT"},
    {"nft_reject_inet", "CONFIG_NFT_REJECT_INET"},
    {"nft_limit", "CONFIG_NFT_LIMIT"},
    {"nft_log", "CONFIG_NFT_LOG"},
    {"nft_hash", "CONFIG_NFT_HASH"},
    {"nft_fib_inet", "CONFIG_NFT_FIB_INET"},
    {"nft_compat", "CONFIG_NFT_COMPAT"},
    {"nf_conntrack", "CONFIG_NF_CONNTRACK"},
    {"nf_nat", "CONFIG_NF_NAT"},
    {"xt_MASQUERADE", "CONFIG_NETFILTER_XT_TARGET_MASQUERADE"},
    {"xt_nat", "CONFIG_NETFILTER_XT_NAT"},
    {"xt_mark", "CONFIG_NETFILTER_XT_MARK"},
    {"xt_comment", "CONFIG_NETFILTER_XT_MATCH_COMMENT"},
    {"xt_conntrack", "CONFIG_NETFILTER_XT_MATCH_CONNTRACK"},
    {"xt_addrtype", "CONFIG_NETFILTER_XT_MATCH_ADDRTYPE"},
    {"xt_multiport", "CONFIG_NETFILTER_XT_MATCH_MULTIPORT"},
    {"xt_tcpudp", "CONFIG_NETFILTER_XTABLES"},
    {"ipt_REJECT", "CONFIG_IP_NF_TARGET_REJECT"},
    {"iptable_nat", "CONFIG_IP_NF_NAT"},
    {"iptable_filter", "CONFIG_IP_NF_FILTER"},
    // Observation.
    {"af_packet", "CONFIG_PACKET"},
    {"inet_diag", "CONFIG_INET_DIAG"},
    {"tcp_diag", "CONFIG_INET_TCP_DIAG"},
    {"udp_diag", "CONFIG_INET_UDP_DIAG"},
};

// The file system names the checksum by an alias only, which modules.dep does not tell; it may be built in.
constexpr auto kChecksum = "crc32c_generic";
constexpr Wanted kOfDisk[] = {
    {"virtio_blk", "CONFIG_VIRTIO_BLK"}, {kChecksum, "CONFIG_CRYPTO_CRC32C"}, {"ext4", "CONFIG_EXT4_FS"}};

constexpr auto kNames = [] {
  std::array<const char*, std::size(kWanted)> names{};
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kWanted[i].name;
  return names;
}();

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
void add(const Catalogue& catalogue, const std::string& name, std::set<std::string>& added, ModulePlan& plan) {
  const auto known = catalogue.find(name);
  if (known == catalogue.end() || !added.insert(name).second) return;
  std::vector<std::string> needs;
  for (const std::string& needed : known->second.needs) {
    add(catalogue, needed, added, plan);
    if (const auto other = catalogue.find(needed); other != catalogue.end()) needs.push_back(other->second.file);
  }
  plan.files.push_back(known->second.file);
  plan.needs[known->second.file] = std::move(needs);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::span<const char* const> wanted_modules() { return kNames; }

std::string kernel_option(std::string_view name) {
  const auto found = std::find_if(std::begin(kWanted), std::end(kWanted),
                                  [name](const Wanted& wanted) { return wanted.name == name; });
  return found == std::end(kWanted) ? "" : found->option;
}

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
    add(catalogue, name, added, plan);
  }
  return plan;
}

Result<ModulePlan> plan_modules(const std::string& folder, Disk disk) {
  std::vector<const char*> wanted(kNames.begin(), kNames.end());
  if (disk == Disk::kExt4) {
    for (const Wanted& one : kOfDisk) wanted.push_back(one.name);
  }
  ModulePlan plan = plan_modules(wanted, read_file(folder + "/modules.dep"), read_file(folder + "/modules.builtin"));
  const auto lacks = [&plan](const char* name) {
    return std::find(plan.lacking.begin(), plan.lacking.end(), name) != plan.lacking.end();
  };
  const auto missing = [&folder](const char* name, const char* option, const char* without) {
    return tl::unexpected(Error::missing(fmt::format("use the kernel modules in {}", folder),
                                         fmt::format("there is no {} ({}), without which {}", name, option, without),
                                         "apt-get install linux-image-cloud-amd64, and use that kernel"));
  };
  for (const char* needed : kNeeded) {
    if (lacks(needed)) return missing(needed, kernel_option(needed).c_str(), "no lab can be in the machine");
  }
  if (disk == Disk::kNone) return plan;
  std::erase(plan.lacking, kChecksum);
  for (const Wanted& one : kOfDisk) {
    if (lacks(one.name)) return missing(one.name, one.option, "the machine can have no disk");
  }
  return plan;
}

std::string module_list(const ModulePlan& plan, const std::string& folder) {
  std::string list;
  for (const std::string& file : plan.files) {
    list += fmt::format("{}/{}:", folder, file);
    for (const std::string& needed : plan.needs.at(file)) list += fmt::format(" {}/{}", folder, needed);
    list += '\n';
  }
  return list;
}

}  // namespace netns_lab::qemu
