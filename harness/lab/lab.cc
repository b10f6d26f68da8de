#include "harness/lab/lab.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "harness/base/text.h"
#include "harness/lab/named_lab.h"

namespace netns_lab {
namespace {

using std::chrono::seconds;

// A lab that does not answer for so long has to make way for a new one: an agent of a busy machine takes seconds.
constexpr seconds kHelloLimit{20};

struct ProviderName {
  Provider provider;
  const char* name;
};
constexpr std::array<ProviderName, 4> kProviders = {{{Provider::kSandbox, "sandbox"},
                                                     {Provider::kHost, "host"},
                                                     {Provider::kMultipass, "multipass"},
                                                     {Provider::kQemu, "qemu"}}};

constexpr auto kPrivileged = "privileged";
constexpr auto kNodes = "nodes ";
constexpr auto kRouted = "routed";

Result<LabHome> lab_home() { return LabHome::open(RuntimeEnvironment::of_process()); }

std::string lab_text(const LabSpec& spec) { return fmt::format("lab {}", spec.name); }

Error other_provider(const LabSpec& spec, const std::string& found) {
  return Error::taken(lab_text(spec), fmt::format("it is up with provider {}, not {}", found, to_string(spec.provider)),
                      fmt::format("use --lab {}, another --name, or netns-lab destroy --name {}", found, spec.name));
}

// What the provider's file tells of a lab beside its provider.
struct Recorded {
  std::string provider;
  bool privileged = false;
  int nodes = 1;
  Underlay underlay = Underlay::kOneSegment;
};
Recorded recorded_of(const std::string& text) {
  Recorded recorded;
  const std::vector<std::string> lines = split_lines(text);
  if (!lines.empty()) recorded.provider = lines.front();
  for (const std::string& line : lines) {
    if (line == kRouted) recorded.underlay = Underlay::kRouted;
    if (line == kPrivileged) recorded.privileged = true;
    if (line.starts_with(kNodes)) recorded.nodes = std::max(1, std::atoi(line.c_str() + std::string(kNodes).size()));
  }
  return recorded;
}
std::string text_of(const LabSpec& spec) {
  std::string text = to_string(spec.provider) + "\n";
  if (spec.privileged) text += std::string(kPrivileged) + "\n";
  if (spec.nodes > 1) text += fmt::format("{}{}\n", kNodes, spec.nodes);
  if (spec.underlay == Underlay::kRouted) text += std::string(kRouted) + "\n";
  return text;
}
Recorded read_recorded(const std::string& folder) {
  std::ifstream file(folder + "/" + kProviderFile);
  return recorded_of({std::istreambuf_iterator<char>(file), {}});
}

// Whether a lab is what is asked for: an unprivileged one must not pass for one with privilege, and of nodes there must
// be enough.
Result<void> check_recorded(const LabSpec& spec, const std::string& folder) {
  const Recorded recorded = read_recorded(folder);
  const auto other = [&](std::string detail) {
    return tl::unexpected(
        Error::taken(lab_text(spec), std::move(detail),
                     fmt::format("netns-lab destroy --name {} ends it; or use another --name", spec.name)));
  };
  if (spec.privileged && !recorded.privileged) {
    return other(
        fmt::format("it is up as an unprivileged {}, with a user namespace of its own; --privileged asks for one "
                    "without",
                    recorded.provider));
  }
  if (spec.nodes > recorded.nodes) {
    return other(fmt::format("it is up with {} node{}; {} are needed (netns-lab up --nodes {})", recorded.nodes,
                             recorded.nodes == 1 ? "" : "s", spec.nodes, spec.nodes));
  }
  if (spec.underlay && spec.nodes > 1 && *spec.underlay != recorded.underlay) {
    return other(recorded.underlay == Underlay::kRouted
                     ? "its nodes are on segments of their own, with a router between; one segment is needed"
                     : "its nodes are on one segment; each needs one of its own (netns-lab up --routed)");
  }
  return {};
}

// The log's last lines, for an error about a lab that did not come up.
std::string log_tail(const LabFolder& folder) {
  const std::vector<std::string> lines = split_lines(folder.read_file(kLogFile));
  const std::size_t first = lines.size() > 3 ? lines.size() - 3 : 0;
  return visible(join(std::span(lines).subspan(first), " | "), 600);
}

Result<Node> open_session(const std::string& folder, Deadline deadline, int number = 1) {
  NETNS_LAB_ASSIGN(UniqueFd stream, connect_to(folder + "/" + node_socket(number)));
  return Node::connect(std::move(stream), deadline);
}

// Only meaningful once a hello was answered: until the agent runs, the listener is whoever made the socket.
Result<Listener> agent_of(const std::string& folder) {
  NETNS_LAB_ASSIGN(const UniqueFd stream, connect_to(folder + "/" + kNodeSocket));
  return listener_of(stream);
}

// Ends whoever listens at the lab's first socket, politely when it still understands us.
Result<void> end_first(const std::string& folder, Deadline deadline) {
  const std::string path = folder + "/" + kNodeSocket;
  auto stream = connect_to(path);
  if (!stream) {
    const bool is_dead = stream.error().kind == ErrorKind::kMissing || stream.error().kind == ErrorKind::kLost;
    if (is_dead) return {};
    return tl::unexpected(std::move(stream).error());
  }
  auto listener = listener_of(*stream);
  auto node = Node::connect(std::move(*stream), deadline.sooner_of(Deadline::after(seconds(2))));
  Deadline grace = Deadline::passed_already();  // one that does not answer a hello is not waited for
  if (node) {
    listener = agent_of(folder);
    if (listener && node->shutdown()) grace = deadline.sooner_of(Deadline::after(seconds(5)));
  }
  if (!listener && listener.error().system_errno == ESRCH) return {};
  if (!listener) return tl::unexpected(std::move(listener).error());
  // We made the socket ourselves, and no agent has come to listen at it: what was started is gone, or goes with us.
  if (listener->pid == ::getpid()) return {};
  return await_end(*listener, grace);
}

// The same for the whole lab. The others end with the first; where they are processes of their own (each keeps a
// machine), a little later.
Result<void> end_lab(const std::string& folder, Deadline deadline) {
  std::vector<Listener> others;
  for (int number = 2; number <= read_recorded(folder).nodes; ++number) {
    const auto stream = connect_to(folder + "/" + node_socket(number));
    if (!stream) continue;
    auto listener = listener_of(*stream);
    if (listener && listener->pid != ::getpid()) others.push_back(*std::move(listener));
  }
  NETNS_LAB_TRY(end_first(folder, deadline));
  for (const Listener& other : others) NETNS_LAB_TRY(await_end(other, deadline.sooner_of(Deadline::after(seconds(5)))));
  return {};
}

Result<void> recover(const LabSpec& spec, const LabServices& services) {
  return services.recover ? services.recover(spec) : Result<void>();
}

Provider provider_of(const LabFolder& folder, Provider fallback) {
  return parse_provider(recorded_of(folder.read_file(kProviderFile)).provider).value_or(fallback);
}

Result<UpReport> make_named(const LabSpec& spec, const LabServices& services, const LabFolder& folder,
                            std::string replaced, Deadline deadline) {
  const std::string outliving = folder.read_file(kMadeFile);
  NETNS_LAB_TRY(folder.clear());
  if (!outliving.empty()) NETNS_LAB_TRY(folder.write_file(kMadeFile, outliving));
  NETNS_LAB_TRY(folder.write_file(kProviderFile, text_of(spec)));
  NETNS_LAB_TRY(services.start_named(spec, folder.path()));
  auto session = open_session(folder.path(), deadline);
  if (!session) {
    Error error = std::move(session).error();
    if (const std::string tail = log_tail(folder); !tail.empty()) error.detail += "; its log ends: " + tail;
    return tl::unexpected(std::move(error));
  }
  // Later runs are held against it (Lab::is_standing_and_private).
  if (spec.provider != Provider::kHost) NETNS_LAB_TRY(session->first_snapshot(whole_node()));
  for (int number = 2; number <= spec.nodes; ++number) {
    NETNS_LAB_ASSIGN(Node further, open_session(folder.path(), deadline, number));
    NETNS_LAB_TRY(further.first_snapshot(whole_node()));
  }
  return UpReport{.reused = false, .replaced = std::move(replaced), .hello = session->hello()};
}

}  // namespace

std::string to_string(Provider provider) {
  const auto found = std::find_if(kProviders.begin(), kProviders.end(),
                                  [provider](const ProviderName& known) { return known.provider == provider; });
  return found != kProviders.end() ? found->name : "unknown";
}

std::vector<std::string> known_providers() {
  std::vector<std::string> names;
  for (const ProviderName& known : kProviders) names.emplace_back(known.name);
  return names;
}

Result<Provider> parse_provider(const std::string& text) {
  for (const ProviderName& known : kProviders) {
    if (text == known.name) return known.provider;
  }
  const std::vector<std::string> names = known_providers();
  const std::string nearest = nearest_word(text, names);
  return tl::unexpected(Error::invalid(fmt::format("--lab {}", visible(text, 80)),
                                       "there is no such lab provider; known are " + join(names, ", "),
                                       nearest.empty() ? "" : fmt::format("did you mean {}?", nearest)));
}

bool is_virtual_machine(Provider provider) { return provider == Provider::kQemu || provider == Provider::kMultipass; }

SnapshotOptions whole_node() {
  SnapshotOptions options;
  options.all_sysctls = true;
  return options;
}

Result<void> check_nodes(const LabSpec& spec) {
  if (spec.nodes == 1 || spec.provider != Provider::kHost) return {};
  return tl::unexpected(Error::missing(fmt::format("a {} lab of {} nodes", to_string(spec.provider), spec.nodes),
                                       fmt::format("a {} lab has one node", to_string(spec.provider)),
                                       "use --lab sandbox or --lab qemu"));
}

Result<Lab> Lab::open(const LabSpec& spec, const LabServices& services, Deadline deadline) {
  NETNS_LAB_TRY(check_nodes(spec));
  Lab lab;
  lab.spec_ = spec;
  AgentStreams streams;
  if (spec.name.empty()) {
    NETNS_LAB_ASSIGN(streams, services.start_private(spec));
  } else {
    NETNS_LAB_TRY(check_lab_name(spec.name));
    NETNS_LAB_ASSIGN(const LabHome home, lab_home());
    const std::string folder = home.lab_path(spec.name);
    auto node = connect_to(folder + "/" + kNodeSocket);
    if (!node && (node.error().kind == ErrorKind::kMissing || node.error().kind == ErrorKind::kLost)) {
      return tl::unexpected(
          Error::missing(lab_text(spec), "it is not up",
                         fmt::format("make it: netns-lab up --lab {} --name {}", to_string(spec.provider), spec.name)));
    }
    if (!node) return tl::unexpected(std::move(node).error());
    streams.node = std::move(*node);
    auto outside = connect_to(folder + "/" + kOutsideSocket);
    if (!outside && outside.error().kind != ErrorKind::kMissing) return tl::unexpected(std::move(outside).error());
    if (outside) streams.outside = std::move(*outside);
  }
  NETNS_LAB_ASSIGN(Node node, Node::connect(std::move(streams.node), deadline));
  if (!spec.name.empty() && node.hello().provider != to_string(spec.provider)) {
    return tl::unexpected(other_provider(spec, node.hello().provider));
  }
  if (!spec.name.empty()) {
    NETNS_LAB_ASSIGN(const LabHome home, lab_home());
    NETNS_LAB_TRY(check_recorded(spec, home.lab_path(spec.name)));
    for (int number = 2; number <= spec.nodes; ++number) {
      NETNS_LAB_ASSIGN(UniqueFd stream, connect_to(home.lab_path(spec.name) + "/" + node_socket(number)));
      streams.more_nodes.push_back(std::move(stream));
    }
  }
  if (streams.more_nodes.size() + 1 != static_cast<std::size_t>(spec.nodes)) {
    return tl::unexpected(Error::internal(
        "open a lab", fmt::format("{} nodes were started, not {}", streams.more_nodes.size() + 1, spec.nodes)));
  }
  lab.nodes_.push_back(std::move(node));
  for (UniqueFd& stream : streams.more_nodes) {
    NETNS_LAB_ASSIGN(Node further, Node::connect(std::move(stream), deadline));
    lab.nodes_.push_back(std::move(further));
  }
  lab.outside_stream_ = std::move(streams.outside);
  return lab;
}

Result<Node*> Lab::outside(Deadline deadline) {
  if (outside_) return &*outside_;
  if (!outside_stream_.valid()) {
    return tl::unexpected(Error::missing("the outside of a lab", to_string(spec_.provider) + " labs have none"));
  }
  NETNS_LAB_ASSIGN(outside_, Node::connect(std::move(outside_stream_), deadline));
  return &*outside_;
}

Result<UpReport> bring_up(const LabSpec& spec, const LabServices& services, Deadline deadline) {
  NETNS_LAB_TRY(check_nodes(spec));
  NETNS_LAB_ASSIGN(const LabHome home, lab_home());
  NETNS_LAB_ASSIGN(const LabFolder folder, LabFolder::lock(home, spec.name, LabFolder::Missing::kMake, deadline));
  const Provider found = provider_of(folder, spec.provider);
  auto session = open_session(folder.path(), deadline.sooner_of(Deadline::after(kHelloLimit)));
  if (session) {
    const protocol::HelloReply hello = session->hello();
    if (hello.provider != to_string(spec.provider)) return tl::unexpected(other_provider(spec, hello.provider));
    NETNS_LAB_TRY(check_recorded(spec, folder.path()));
    return UpReport{.reused = true, .replaced = "", .hello = hello};
  }
  std::string replaced;
  if (session.error().kind != ErrorKind::kMissing) {
    // A dead lab, or one of another build: it is never negotiated with.
    if (found != spec.provider && session.error().kind != ErrorKind::kLost) {
      return tl::unexpected(other_provider(spec, to_string(found)));
    }
    replaced = session.error().message();
    NETNS_LAB_TRY(end_lab(folder.path(), deadline));
    LabSpec old = spec;
    old.provider = found;
    NETNS_LAB_TRY(recover(old, services));
  }
  auto made = make_named(spec, services, folder, std::move(replaced), deadline);
  if (!made) {
    // Best effort on the way out: the error that matters is why the lab did not come up.
    static_cast<void>(end_lab(folder.path(), deadline));
    // What was made already is for `destroy`, or for the next `up`.
    if (folder.read_file(kMadeFile).empty()) static_cast<void>(folder.remove());
  }
  return made;
}

Result<void> destroy(const LabSpec& spec, const LabServices& services, Deadline deadline) {
  NETNS_LAB_ASSIGN(const LabHome home, lab_home());
  NETNS_LAB_ASSIGN(const LabFolder folder, LabFolder::lock(home, spec.name, LabFolder::Missing::kRefuse, deadline));
  NETNS_LAB_TRY(end_lab(folder.path(), deadline));
  LabSpec found = spec;
  found.provider = provider_of(folder, spec.provider);
  NETNS_LAB_TRY(recover(found, services));
  if (services.leave) NETNS_LAB_TRY(services.leave(found, folder.path()));
  return folder.remove();
}

Result<std::vector<NamedLab>> named_labs() {
  NETNS_LAB_ASSIGN(const LabHome home, lab_home());
  NETNS_LAB_ASSIGN(const std::vector<std::string> names, home.names());
  std::vector<NamedLab> labs;
  for (const std::string& name : names) {
    NamedLab lab{.name = name, .provider = Provider::kSandbox, .state = "up", .up = true, .pid = 0, .nodes = 1};
    lab.nodes = read_recorded(home.lab_path(name)).nodes;
    auto session = open_session(home.lab_path(name), Deadline::after(seconds(2)));
    if (session) {
      lab.provider = parse_provider(session->hello().provider).value_or(Provider::kSandbox);
      if (const auto agent = agent_of(home.lab_path(name))) lab.pid = agent->pid;
    } else {
      lab.up = false;
      lab.provider = provider_of_named(name).value_or(Provider::kSandbox);
      lab.state = session.error().message();
    }
    labs.push_back(std::move(lab));
  }
  return labs;
}

int nodes_of_named(const std::string& name) {
  const auto home = lab_home();
  return home && check_lab_name(name) ? read_recorded(home->lab_path(name)).nodes : 1;
}

Underlay underlay_of_named(const std::string& name) {
  const auto home = lab_home();
  return home && check_lab_name(name) ? read_recorded(home->lab_path(name)).underlay : Underlay::kOneSegment;
}

std::optional<Provider> provider_of_named(const std::string& name) {
  const auto home = lab_home();
  if (!home || !check_lab_name(name)) return std::nullopt;
  std::ifstream file(home->lab_path(name) + "/" + kProviderFile);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const auto provider = parse_provider(line);
  return provider ? std::optional<Provider>(*provider) : std::nullopt;
}

}  // namespace netns_lab
