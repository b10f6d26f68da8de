#include "harness/cli/instance_owner.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "harness/base/text.h"
#include "harness/cli/output.h"
#include "harness/lab/named_lab.h"

namespace netns_lab::cli {
namespace {

constexpr auto kTokenFile = "/opt/netns-lab.owner";  // in the instance
constexpr auto kMarked = "marked";
constexpr std::chrono::seconds kGuestLimit{60};

Result<void> put_token(multipass::Driver& driver, const MadeInstance& made) {
  const std::string passing = "/tmp/netns-lab.owner";
  NETNS_LAB_TRY(driver.put(made.name, passing, made.token + "\n"));
  const std::vector<std::vector<std::string>> steps = {{"sudo", "-n", "install", "-m", "0644", passing, kTokenFile},
                                                       {"sudo", "-n", "sync", kTokenFile},  // outlives a crash
                                                       {"rm", "-f", passing}};
  for (const std::vector<std::string>& argv : steps) {
    NETNS_LAB_ASSIGN(const multipass::GuestOutcome outcome, driver.run_in_guest(made.name, argv, kGuestLimit));
    if (outcome.status == 0) continue;
    return tl::unexpected(
        Error::lost(fmt::format("mark instance {} as this lab's", made.name),
                    fmt::format("in the guest, {} exited with status {}, and printed: {}", join(argv, " "),
                                outcome.status, visible_line(visible(outcome.errors + outcome.output, 400)))));
  }
  return {};
}

// The first line of the file; "" when it is not there.
Result<std::string> token_in(multipass::Driver& driver, const std::string& name) {
  NETNS_LAB_ASSIGN(const multipass::GuestOutcome outcome, driver.run_in_guest(name, {"cat", kTokenFile}, kGuestLimit));
  return outcome.status == 0 ? outcome.output.substr(0, outcome.output.find('\n')) : std::string();
}

std::vector<MadeInstance>::iterator of_name(std::vector<MadeInstance>& all, const std::string& name) {
  return std::find_if(all.begin(), all.end(), [&name](const MadeInstance& made) { return made.name == name; });
}

Result<void> write_made(const std::string& folder, const std::vector<MadeInstance>& all) {
  const std::string path = folder + "/" + kMadeFile;
  if (all.empty()) {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return tl::unexpected(Error::system("remove " + path, errno));
  }
  std::ofstream file(path + ".new");
  for (const MadeInstance& made : all) {
    file << made.name << "\n" << made.token << "\n" << (made.is_marked ? kMarked : "") << "\n";
  }
  file.close();
  if (file && ::rename((path + ".new").c_str(), path.c_str()) == 0) return {};
  return tl::unexpected(Error::system("write " + path, errno));
}

}  // namespace

Result<MadeInstance> new_instance(const std::string& name) {
  std::array<std::uint64_t, 2> random{};
  if (::getrandom(random.data(), sizeof random, 0) != sizeof random) {
    return tl::unexpected(Error::system("choose a token for an instance", errno));
  }
  return MadeInstance{.name = name, .token = fmt::format("{:016x}{:016x}", random[0], random[1]), .is_marked = false};
}

Result<void> remember(const std::string& folder, const MadeInstance& made) {
  std::vector<MadeInstance> all = read_made(folder);
  const auto known = of_name(all, made.name);
  if (known != all.end()) {
    *known = made;
  } else {
    all.push_back(made);
  }
  return write_made(folder, all);
}

Result<void> forget(const std::string& folder, const std::string& name) {
  std::vector<MadeInstance> all = read_made(folder);
  const auto known = of_name(all, name);
  if (known == all.end()) return {};
  all.erase(known);
  return write_made(folder, all);
}

std::vector<MadeInstance> read_made(const std::string& folder) {
  std::ifstream file(folder + "/" + kMadeFile);
  std::vector<MadeInstance> all;
  MadeInstance made;
  std::string marked;
  while (std::getline(file, made.name) && std::getline(file, made.token) && !made.name.empty()) {
    std::getline(file, marked);
    made.is_marked = marked == kMarked;
    all.push_back(made);
  }
  return all;
}

Result<void> mark(multipass::Driver& driver, const std::string& folder, const std::string& name) {
  std::vector<MadeInstance> all = read_made(folder);
  const auto made = of_name(all, name);
  if (made == all.end()) return {};
  if (!made->is_marked) {
    NETNS_LAB_TRY(put_token(driver, *made));
    made->is_marked = true;
    return write_made(folder, all);
  }
  NETNS_LAB_ASSIGN(const std::string token, token_in(driver, name));
  if (token == made->token) return {};
  say(fmt::format("instance {} is not the one that was launched for this lab: destroy will leave it", name));
  all.erase(made);
  return write_made(folder, all);
}

Result<void> remove_made(multipass::Driver& driver, const MadeInstance& made, const std::string& folder) {
  NETNS_LAB_ASSIGN(const std::optional<multipass::Instance> there, driver.info(made.name));
  if (!there) {
    say(fmt::format("instance {} was launched for this lab, and is not there any more", made.name));
    return {};
  }
  if (there->state == multipass::InstanceState::kDeleted) {
    say(fmt::format("instance {} has been deleted already; multipass purge frees its disk and its name", made.name));
    return {};
  }
  if (made.is_marked) {
    NETNS_LAB_ASSIGN(const std::string token, token_in(driver, made.name));
    if (token != made.token) {
      return tl::unexpected(Error::taken(
          fmt::format("delete instance {}", made.name),
          fmt::format("it is not the one that was launched for this lab: {} in it holds {}", kTokenFile,
                      token.empty() ? "no token" : "another token"),
          fmt::format(
              "if nobody needs it: multipass delete --purge {0}, and destroy again; to keep it, and give the lab "
              "up: rm -r {1}",
              made.name, folder)));
    }
  }
  NETNS_LAB_TRY(driver.remove(made.name));
  say(fmt::format("instance {} was launched for this lab: deleted and purged", made.name));
  return {};
}

}  // namespace netns_lab::cli
