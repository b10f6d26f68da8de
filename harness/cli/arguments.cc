#include "harness/cli/arguments.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <utility>

#include "harness/base/text.h"

namespace netns_lab::cli {
namespace {

// CLI11's range takes "nan" for a number in it.
CLI::Validator seconds_up_to(double most) {
  CLI::Validator check;
  check.operation([most](const std::string& text) -> std::string {
    double seconds = 0;
    const bool fits = CLI::detail::lexical_cast(text, seconds) && seconds >= 0.001 && seconds <= most;
    return fits ? "" : fmt::format("Value {} not in range [0.001 - {}]", visible(text, 64), most);
  });
  return check;
}

constexpr int kMostNodes = 16;  // of a sandbox (harness/node/sandbox.h)

struct SubCommand {
  Command command;
  CLI::App* app;
};

void add_lab(CLI::App& app, Arguments& to) {
  app.add_option("--lab", to.lab, "what makes the lab: sandbox (default), host, qemu, multipass")
      ->type_name("PROVIDER");
  app.add_option("--name", to.lab_name, fmt::format("the lab's name (default: {})", kDefaultLabName))
      ->type_name("NAME")
      ->check([](const std::string& name) {  // of an unset variable: another lab would be meant than the user thinks
        return name.empty() ? std::string("it is empty; leave it out for the default") : std::string();
      });
  app.add_option("--kernel", to.kernels,
                 "qemu: boot this image (default: the newest /boot/vmlinuz-*); test judges on each that is given")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_flag("--privileged", to.privileged, "sandbox: no user namespace of its own (needs root)");
}

void add_building(CLI::App& app, Arguments& to) {
  app.add_option("--target", to.targets,
                 "native (default), script:PATH; not in this version: cni:PATH, netavark[:PATH]")
      ->type_name("TARGET")
      ->allow_extra_args(false);
  app.add_option_function<std::vector<std::string>>(
         "--param",
         [&to](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) {
             const std::size_t equals = text.find('=');
             if (equals == std::string::npos || equals == 0) {
               throw CLI::ValidationError("--param", fmt::format("\"{}\" is not KEY=VALUE", visible(text, 80)));
             }
             to.parameters.emplace_back(text.substr(0, equals), text.substr(equals + 1));
           }
         },
         "a parameter of the scenario")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_option("--env-file", to.env_file, "parameters in the form of the tutorial's env.sh; read, never executed")
      ->type_name("FILE");
  app.add_option_function<double>(
         "--timeout",
         [&to](const double& seconds) { to.step_limit = std::chrono::milliseconds(static_cast<long>(seconds * 1000)); },
         "of each step of a target; passing it is a fail (default: 30)")
      ->type_name("SECONDS")
      ->check(seconds_up_to(86'400.0));
}

// Of a machine that is made.
void add_machine(CLI::App& app, Arguments& to) {
  app.add_option("--memory", to.instance.memory,
                 "of a machine that is made: 512M, 2G (default: qemu 512M, multipass 1G)")
      ->type_name("SIZE");
  app.add_option("--cpus", to.instance.processors, "of a machine that is made (default: qemu 2, multipass its own)")
      ->check(CLI::Range(1, 64));
}

void add_node(CLI::App& app, Arguments& to) {
  app.add_option("--node", to.node, "which node of a lab of several (default: 1)")->check(CLI::Range(1, kMostNodes));
}

CLI::App* add_test(CLI::App& root, Arguments& to) {
  CLI::App* app = root.add_subcommand("test", "build, judge, tear down, report");
  app->add_option("scenario", to.scenarios, "which scenarios (default: all)")->type_name("SCENARIO");
  add_lab(*app, to);
  add_machine(*app, to);
  add_building(*app, to);
  app->add_option("--containers", to.containers,
                  "of scenario bridge: 3 to 1023 of them instead of two, the full mesh of them proved; IPv4, or "
                  "--family ipv6")
      ->type_name("N");
  app->add_option_function<std::string>(
         "--family", [&to](const std::string& text) { to.family = text == "ipv6" ? Family::kIpv6 : Family::kIpv4; },
         "only this address family: ipv4 or ipv6 (default: all that scenario and target have)")
      ->type_name("FAMILY")
      ->check(CLI::IsMember({"ipv4", "ipv6"}));
  app->add_option(
         "--filter", to.filter,
         "only these: requirement ids or Suite.Case, with * and ?, joined by ':'; behind \":-\" those to leave out")
      ->type_name("PATTERN");
  app->add_option("--known-failures", to.known_failures,
                  "what is known to fail, one a line: requirement-id [target]  # reason; an unexpected pass is a fail")
      ->type_name("FILE");
  app->add_option("--repeat", to.repeat, "rounds, each with a lab and a build of its own (default: 1)")
      ->check(CLI::Range(1, 1'000'000));
  app->add_option("--jobs,-j", to.jobs, "workers at once (default: one per processor, at most 4)")
      ->check(CLI::Range(1, 1'024));
  app->add_option_function<double>(
         "--deadline",
         [&to](const double& seconds) { to.deadline = std::chrono::milliseconds(static_cast<long>(seconds * 1000)); },
         "of the whole run; passing it ends the run with status 124")
      ->type_name("SECONDS")
      ->check(seconds_up_to(864'000.0));
  app->add_flag("--shuffle", to.shuffle, "the claims of each worker in another order, by a seed that is told");
  app->add_option("--seed", to.seed, "of that order: the same seed, the same order (implies --shuffle)")
      ->type_name("N")
      ->check(CLI::Range(1, 99'999));
  app->add_flag("--keep-on-failure", to.keep_on_failure, "leave what a failing target built standing (with --name)");
  app->add_flag("--no-skip", to.no_skip, "a skip counts as a failure");
  app->add_option("--report-dir", to.report_directory, fmt::format("default: {}/", kDefaultReportDirectory))
      ->type_name("DIR");
  app->add_flag("--json", to.json, "the result as JSON on standard output");
  app->footer(
      "Examples:\n"
      "  netns-lab test single-namespace --target native\n"
      "  netns-lab test bridge --target script:fixtures/scenarios/bridge --param IP1=172.16.0.9\n"
      "  netns-lab test bridge --containers 1000\n"
      "  netns-lab test single-namespace --target script:fixtures/scenarios/single-namespace\n"
      "  netns-lab test single-namespace --target script:./setup.sh --param CON=blue --deadline 60\n"
      "Exit status: 0 conformant, 1 not, 2 usage, 3 no lab, 4 harness broke, 5 nothing ran, 124 deadline, 130 "
      "interrupted.");
  return app;
}

CLI::App* add_list(CLI::App& root, Arguments& to, std::vector<SubCommand>& commands) {
  CLI::App* list = root.add_subcommand("list", "scenarios, targets, requirements or labs");
  list->require_subcommand(1);
  struct Kind {
    Command command;
    const char* name;
    const char* text;
  };
  const Kind kinds[] = {{Command::kListScenarios, "scenarios", "what a target can be asked to build"},
                        {Command::kListTargets, "targets", "what can be judged"},
                        {Command::kListRequirements, "requirements", "every claim, with its level and source"},
                        {Command::kListLabs, "labs", "the named labs of this user"}};
  for (const Kind& kind : kinds) {
    CLI::App* app = list->add_subcommand(kind.name, kind.text);
    app->add_flag("--json", to.json, "as JSON");
    commands.push_back({kind.command, app});
  }
  list->footer("Example: netns-lab list requirements --json");
  return list;
}

void add_qualify(CLI::App& app, Arguments& to) {
  app.add_option("fault", to.scenarios, "SCENARIO: all its faults; SCENARIO/NAME: one (default: all)")
      ->type_name("SCENARIO[/NAME]");
  app.add_option("--fixtures", to.fixtures, "where broken/ and scenarios/ are (default: as shipped)")->type_name("DIR");
  app.add_option("--jobs,-j", to.jobs, "faults at once (default: one per processor, at most 4)")
      ->check(CLI::Range(1, 1'024));
  app.add_option_function<double>(
         "--timeout",
         [&to](const double& seconds) {
           to.fault_limit = std::chrono::milliseconds(static_cast<long>(seconds * 1000));
         },
         "of each step of a broken target (default: 30)")
      ->type_name("SECONDS")
      ->check(seconds_up_to(86'400.0));
  app.add_option_function<double>(
         "--deadline",
         [&to](const double& seconds) { to.deadline = std::chrono::milliseconds(static_cast<long>(seconds * 1000)); },
         "of the whole run; passing it ends the run with status 124")
      ->type_name("SECONDS")
      ->check(seconds_up_to(864'000.0));
  app.add_option("--report-dir", to.report_directory, fmt::format("default: {}/", kDefaultReportDirectory))
      ->type_name("DIR");
  app.add_flag("--json", to.json, "the kill table as JSON on standard output");
}

void add_all(CLI::App& root, Arguments& to, std::vector<SubCommand>& commands) {
  const auto add = [&](Command command, const char* name, const char* text, const char* example) {
    CLI::App* app = root.add_subcommand(name, text);
    app->footer(std::string("Example: ") + example);
    commands.push_back({command, app});
    return app;
  };
  CLI::App* doctor =
      add(Command::kDoctor, "doctor", "what this machine can do, each lack with the command that mends it",
          "netns-lab doctor --json");
  doctor->add_flag("--json", to.json, "as JSON");

  CLI::App* up =
      add(Command::kUp, "up", "make a lab that stays, or reuse it", "netns-lab up --lab sandbox --name mine");
  add_lab(*up, to);
  add_machine(*up, to);
  up->add_option(
        "--nodes", to.nodes,
        "sandbox, qemu, multipass: how many nodes, on one segment (default: 1); with qemu each in a machine of "
        "its own, with multipass in an instance (NAME, NAME-2 …)")
      ->check(CLI::Range(1, kMostNodes));
  up->add_flag("--routed", to.routed, "with --nodes: each on a segment of its own, a router between");
  up->add_option("--image", to.instance.image, "multipass: of a launched instance (default: 22.04)");
  up->add_option("--state-disk", to.instance.state_disk,
                 "qemu: a file that is the machine's disk and outlives it, at /state of its node; made when it is not "
                 "there or empty")
      ->type_name("FILE");
  up->add_option("--disk", to.instance.disk,
                 "multipass: of a launched instance (default: 5G); qemu: of a new --state-disk (default: 1G)")
      ->type_name("SIZE");
  up->add_option("--cloud-init", to.instance.cloud_init,
                 "multipass: what a launched instance is given (default: fixtures/cloud-init/node.yaml)");

  CLI::App* destroy = add(Command::kDestroy, "destroy", "end a lab that `up` made", "netns-lab destroy --name mine");
  add_lab(*destroy, to);

  CLI::App* shell =
      add(Command::kShell, "shell", "a shell on the node of a standing lab", "netns-lab shell --netns netns1");
  add_lab(*shell, to);
  add_node(*shell, to);
  shell->add_option("--netns", to.network_namespace, "inside this named namespace")->type_name("NAME");

  CLI::App* exec =
      add(Command::kExec, "exec", "a command (after --) on the node of a standing lab; its exit status is passed on",
          "netns-lab exec --netns netns1 -- ip address show");
  add_lab(*exec, to);
  add_node(*exec, to);
  exec->add_option("--netns", to.network_namespace, "inside this named namespace")->type_name("NAME");

  CLI::App* run = add(Command::kRun, "run", "build a scenario in a named lab and leave it standing, to look around",
                      "netns-lab run single-namespace --target script:fixtures/scenarios/single-namespace");
  run->add_option("scenario", to.scenarios, "which one")->type_name("SCENARIO")->required()->expected(1);
  add_lab(*run, to);
  add_building(*run, to);

  commands.push_back({Command::kTest, add_test(root, to)});
  add_list(root, to, commands);

  CLI::App* explain =
      add(Command::kExplain, "explain", "what a requirement means, where it comes from, what breaks without it",
          "netns-lab explain single-namespace.host-route");
  explain->add_option("id", to.requirement, "a requirement's id")->required();

  CLI::App* diagnose =
      add(Command::kDiagnose, "diagnose",
          "walk a packet's way in a standing lab, and say where it ends and why; status 1 when it is not answered",
          "netns-lab diagnose --from node-1:netns1 --to 10.0.0.1");
  add_lab(*diagnose, to);
  diagnose->add_option("--from", to.from, "who sends: a node, or a namespace on it (\"host\" is the first node)")
      ->type_name("NODE[:NETNS]")
      ->required();
  diagnose->add_option("--to", to.to, "who is to answer")->type_name("ADDRESS")->required();
  diagnose->add_flag("--json", to.json, "as JSON");

  CLI::App* snapshot =
      add(Command::kSnapshot, "snapshot", "the whole state of a standing lab's node, as JSON or as text",
          "netns-lab snapshot --output before.json");
  add_lab(*snapshot, to);
  add_node(*snapshot, to);
  snapshot->add_option("--output,-o", to.output, "a file (default: standard output)")->type_name("FILE");

  snapshot->add_flag("--text", to.text,
                     "one object a line, for people; diff(1) compares it, netns-lab diff takes JSON");

  CLI::App* diff = add(Command::kDiff, "diff", "what changed between two snapshots; status 1 when anything did",
                       "netns-lab diff before.json after.json");
  diff->add_option("snapshots", to.files, "two files written by netns-lab snapshot")->required()->expected(2);

  add_qualify(*add(Command::kQualify, "qualify",
                   "mutation testing of the suites: is each broken target caught, by the right requirement?",
                   "netns-lab qualify bridge single-namespace/udp-dropped"),
              to);

  CLI::App* report = add(Command::kReport, "report", "merge records of runs and write junit.xml",
                         "netns-lab report a/record.jsonl b/record.jsonl --report-dir merged");
  report->add_option("records", to.files, "record.jsonl files")->required();
  report->add_option("--report-dir", to.report_directory, fmt::format("default: {}/", kDefaultReportDirectory))
      ->type_name("DIR");

  CLI::App* agent = add(Command::kAgent, "agent", "serve a node on a stream", "netns-lab agent");
  agent->add_option("--fd", to.agent_stream, "the stream's descriptor; 0: standard input and output");
  agent->add_flag("--init", to.agent_is_init, "as the first process of a virtual machine");
  agent->add_option("--labs", to.agent_labs_of,
                    "serve the labs of a machine of this provider on standard input and output");
  agent->add_option("--wire", to.agent_wires, "with --labs: to another machine of the lab")->allow_extra_args(false);
  agent->group("");  // hidden
}

// CLI11's own text, with the nearest known word where something was not expected.
std::string usage_error(const CLI::App& root, const CLI::ParseError& error, int argc, const char* const* argv) {
  const CLI::App* at = &root;
  std::string called = "netns-lab";
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    called += " " + at->get_name();
  }
  std::string text = visible(error.what(), 300);
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::vector<std::string> known;
  for (const CLI::App* sub : at->get_subcommands([](const CLI::App* app) { return !app->get_group().empty(); })) {
    known.push_back(sub->get_name());
  }
  const std::vector<std::string> commands = known;
  for (const CLI::Option* option : at->get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  std::string wrong;
  for (int i = 1; i < argc && wrong.empty(); ++i) {
    std::string word = argv[i];
    if (word.starts_with("--")) word = word.substr(0, word.find('='));
    const bool is_known =
        std::find(known.begin(), known.end(), word) != known.end() || called.find(word) != std::string::npos;
    const bool is_word = word.starts_with("--") || (!commands.empty() && !word.starts_with('-'));
    if (is_word && !is_known) wrong = word;
  }
  const bool is_unexpected = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
                             dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  // An unknown option's value may have been taken for something else, and complained of first.
  if (!wrong.empty() && (is_unexpected || wrong.starts_with("--"))) {
    const std::string nearest = nearest_word(wrong, known);
    const char* what = wrong.starts_with("--") ? "option" : "command";
    text = fmt::format("there is no {} \"{}\"{}", what, visible(wrong, 80),
                       nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
  }
  if (wrong.empty() && !commands.empty() && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    text = "which one? " + join(commands, ", ");
  }
  if (is_unexpected && wrong.empty() && commands.empty() && at->get_name() == "exec")
    text += "; the command to run stands behind --";
  const std::string name =
      called.size() > root.get_name().size() ? called.substr(root.get_name().size() + 1) + ": " : "";
  return fmt::format("{}{} (see {} --help)", name, text, called);
}

}  // namespace

Parsed parse_arguments(int argc, const char* const* argv, const std::string& version) {
  Arguments arguments;
  // What follows "--" belongs to the command that exec is to run, whatever it looks like.
  int own = argc;
  for (int i = 1; i < argc && own == argc; ++i) {
    if (std::string_view(argv[i]) == "--") own = i;
  }
  for (int i = own + 1; i < argc; ++i) arguments.argv.emplace_back(argv[i]);

  CLI::App root("netns-lab: is the network that was built for a container right, and if not, why not?", "netns-lab");
  root.set_version_flag("--version,-V", version);
  root.require_subcommand(1);
  root.footer(
      "Examples:\n"
      "  netns-lab test single-namespace --target script:fixtures/scenarios/single-namespace\n"
      "  netns-lab run single-namespace && netns-lab shell\n"
      "  netns-lab COMMAND --help tells more about each command.");
  std::vector<SubCommand> commands;
  add_all(root, arguments, commands);
  try {
    root.parse(own, argv);
  } catch (const CLI::CallForHelp&) {
    // Of the command that was named: asked of the root, its usage line begins with the program's name.
    return {.arguments = std::nullopt, .text = root.help(), .status = ExitStatus::kConformant};
  } catch (const CLI::CallForVersion&) {
    return {.arguments = std::nullopt, .text = version + "\n", .status = ExitStatus::kConformant};
  } catch (const CLI::ParseError& error) {
    return {.arguments = std::nullopt, .text = usage_error(root, error, own, argv), .status = ExitStatus::kUsage};
  }
  for (const SubCommand& sub : commands) {
    if (sub.app->parsed()) arguments.command = sub.command;
  }
  if (own < argc && arguments.command != Command::kExec) {
    return {.arguments = std::nullopt, .text = "only exec takes a command after --", .status = ExitStatus::kUsage};
  }
  if (arguments.command == Command::kExec && arguments.argv.empty()) {
    return {.arguments = std::nullopt,
            .text = "exec: which command? Write it after --: netns-lab exec -- ip link show",
            .status = ExitStatus::kUsage};
  }
  return {.arguments = std::move(arguments), .text = "", .status = ExitStatus::kConformant};
}

}  // namespace netns_lab::cli
