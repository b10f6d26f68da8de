#include "harness/target/target.h"

#include <unistd.h>

#include <utility>

#include "harness/base/text.h"
#include "harness/target/native.h"
#include "harness/target/script.h"

namespace netns_lab {
namespace {

Result<LoadedTarget> load_script(const std::string& text, const std::string& path) {
  NETNS_LAB_ASSIGN(ScriptFiles script, read_script_files(path));
  LoadedTarget loaded;
  loaded.parameters = script.parameters;
  loaded.target = std::make_unique<ScriptTarget>(text, std::move(script));
  return loaded;
}

}  // namespace

Result<LoadedTarget> load_target(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const std::string argument = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (kind == "native") {
    if (colon != std::string::npos)
      return tl::unexpected(Error::invalid("target " + visible(text), "native takes no argument", "--target native"));
    LoadedTarget loaded;
    loaded.target = std::make_unique<NativeTarget>();
    return loaded;
  }
  if (kind == "script") return load_script(text, argument);
  if (kind == "cni" || kind == "netavark") {
    return tl::unexpected(Error::missing("target " + visible(text), "this version cannot drive " + kind + " yet",
                                         "use --target native or --target script:PATH"));
  }
  if (colon == std::string::npos && ::access(text.c_str(), F_OK) == 0) {
    return tl::unexpected(Error::invalid("target \"" + visible(text, 200) + "\"", "there is no such target",
                                         "did you mean script:" + visible(text, 200) + "?"));
  }
  const std::vector<std::string> kinds = {"native", "script", "cni", "netavark"};
  const std::string near = nearest_word(kind, kinds);
  return tl::unexpected(Error::invalid("target \"" + visible(text, 200) + "\"", "there is no such target",
                                       near.empty() ? "see `netns-lab list targets`" : "did you mean " + near + "?"));
}

std::vector<std::pair<std::string, std::string>> known_targets() {
  return {
      {"native", "the built-in builder, by netlink"},
      {"script:PATH",
       "a shell script with the files beside it, or a folder with setup.sh and, if any, env.sh and teardown.sh"},
      {"cni:PATH-OR-CONFLIST", "a CNI plugin or configuration list (not yet)"},
      {"netavark[:PATH]", "netavark (not yet)"},
  };
}

}  // namespace netns_lab
