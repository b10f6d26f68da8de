#include "reports/junit_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <pugixml.hpp>
#include <sstream>

#include "harness/base/text.h"
#include "reports/failure_text.h"

namespace netns_lab::reports {
namespace {

// Readers load the whole file: evidence beyond this is cut here and stays whole in record.jsonl.
constexpr std::size_t kMostText = 64 * 1024;
constexpr std::size_t kMostAttribute = 4 * 1024;
constexpr std::string_view kWhy = "Why: ";

class StringWriter : public pugi::xml_writer {
 public:
  void write(const void* data, std::size_t size) override { text.append(static_cast<const char*>(data), size); }
  std::string text;
};

std::string fit(std::string_view bytes) { return visible(bytes, kMostText); }
std::string fit_attribute(std::string_view bytes) { return visible(bytes, kMostAttribute); }

void set(pugi::xml_node node, const char* name, const std::string& value) {
  node.append_attribute(name).set_value(value.c_str());
}

void add_property(pugi::xml_node properties, const char* name, std::string_view value) {
  pugi::xml_node node = properties.append_child("property");
  set(node, "name", name);
  set(node, "value", fit_attribute(value));
}

// What a list of failures shows: the first finding ("- lo is administratively down"), else the first line that
// GoogleTest did not write about the code.
// A diagnosis before all: it says why.
std::string headline_of(std::string_view message) {
  constexpr std::array<std::string_view, 5> kAboutTheCode = {"Value of:", "Expected", "Actual:", "Which is:", "Failed"};
  std::string finding;
  std::string other;
  for (const std::string& whole : split_lines(message)) {
    std::string_view line = whole;
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.starts_with(kWhy)) return std::string(line.substr(kWhy.size()));
    if (!finding.empty()) continue;
    if (line.starts_with("- ")) finding = line.substr(2);
    const bool about_the_code = std::any_of(kAboutTheCode.begin(), kAboutTheCode.end(),
                                            [&](std::string_view start) { return line.starts_with(start); });
    if (other.empty() && !about_the_code) other = line;
  }
  if (!finding.empty()) return finding;
  return other.empty() ? std::string(message.substr(0, message.find('\n'))) : other;
}

pugi::xml_node add_result(pugi::xml_node testcase, const char* element, const std::string& type,
                          std::string_view message) {
  pugi::xml_node node = testcase.append_child(element);
  set(node, "type", type);
  set(node, "message", fit_attribute(message));
  return node;
}

pugi::xml_node start(pugi::xml_document& document, const CaseIdentity& identity, std::string_view file, int line,
                     double seconds) {
  pugi::xml_node testcase = document.append_child("testcase");
  set(testcase, "classname", fit_attribute(identity.class_name));
  set(testcase, "name", fit_attribute(identity.name));
  if (!file.empty()) set(testcase, "file", fit_attribute(file));
  if (line > 0) set(testcase, "line", std::to_string(line));
  set(testcase, "time", fmt::format("{:.6f}", seconds));
  return testcase;
}

std::string printed(const pugi::xml_document& document) {
  StringWriter writer;
  document.print(writer, "  ", pugi::format_indent | pugi::format_no_declaration, pugi::encoding_utf8, 0);
  return writer.text;
}

// With the diagnosis, where there is one, as its first line.
std::string why_first(const std::string& message) {
  std::vector<std::string> lines = split_lines(message);
  const auto why = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
    const std::size_t first = line.find_first_not_of(' ');
    return first != std::string::npos && std::string_view(line).substr(first).starts_with(kWhy);
  });
  if (why == lines.end()) return message;
  const std::string told = why->substr(why->find_first_not_of(' '));
  lines.erase(why);
  return told + "\n" + join(lines, "\n");
}

// One combined message: GitLab shows the element's text alone, Jenkins both.
std::string combined(const CaseEnded& one) {
  const std::string message = why_first(without_code(one.message));
  return one.evidence.empty() ? message : message + "\n\nEvidence:\n" + one.evidence;
}

void add_properties(pugi::xml_node testcase, const CaseEnded& one, const WorkerStarted& worker) {
  pugi::xml_node properties = testcase.append_child("properties");
  for (const std::string& id : one.requirements) add_property(properties, "requirement", id);
  add_property(properties, "level", to_string(one.level));
  add_property(properties, "verdict", to_string(one.verdict));
  add_property(properties, "target", worker.target);
  add_property(properties, "family", worker.family);
  add_property(properties, "lab", worker.lab);
}

}  // namespace

std::string ended_case(const CaseIdentity& identity, const CaseEnded& one, const WorkerStarted& worker) {
  pugi::xml_document document;
  pugi::xml_node testcase =
      start(document, identity, one.file, one.line, std::chrono::duration<double>(one.duration).count());
  add_properties(testcase, one, worker);
  std::string output;
  const std::string headline = headline_of(without_code(one.message));
  switch (one.verdict) {
    case Verdict::kPass:
      break;
    case Verdict::kFail:
      if (one.level == Level::kMust) {
        add_result(testcase, "failure", to_string(one.level), headline).text().set(fit(combined(one)).c_str());
      } else {
        output = fmt::format("{} not met (it does not make the run fail): {}\n", to_string(one.level), combined(one));
      }
      break;
    case Verdict::kError:
      add_result(testcase, "error", "error", headline).text().set(fit(combined(one)).c_str());
      break;
    case Verdict::kSkip:
      add_result(testcase, "skipped", "skip", one.message);
      break;
    case Verdict::kKnownFailure:
      add_result(testcase, "skipped", "known-failure", "known failure: " + without_code(one.message));
      break;
  }
  for (const std::string& path : one.attachments) output += "[[ATTACHMENT|" + path + "]]\n";
  if (!output.empty()) testcase.append_child("system-out").text().set(fit(output).c_str());
  return printed(document);
}

std::string unfinished_case(const CaseIdentity& identity, std::string_view file, int line, std::string_view type,
                            std::string_view message) {
  pugi::xml_document document;
  pugi::xml_node testcase = start(document, identity, file, line, 0.0);
  add_result(testcase, "error", std::string(type), message).text().set(fit(message).c_str());
  return printed(document);
}

std::string suite_properties(const WorkerStarted& worker) {
  pugi::xml_document document;
  pugi::xml_node properties = document.append_child("properties");
  add_property(properties, "scenario", worker.scenario);
  add_property(properties, "target", worker.target);
  add_property(properties, "family", worker.family);
  add_property(properties, "lab", worker.lab);
  add_property(properties, "lab-name", worker.lab_name);
  add_property(properties, "kernel", worker.kernel);
  if (worker.order != 0) add_property(properties, "seed", std::to_string(worker.order));
  for (const auto& [name, value] : worker.parameters) {
    add_property(properties, ("parameter." + visible(name, kMostAttribute)).c_str(), value);
  }
  return printed(document);
}

std::string attribute(std::string_view value) {
  pugi::xml_document document;
  pugi::xml_node node = document.append_child("a");
  set(node, "b", fit_attribute(value));
  StringWriter writer;
  node.print(writer, "", pugi::format_raw, pugi::encoding_utf8);
  constexpr std::string_view kBefore = "<a b=\"";
  return writer.text.substr(kBefore.size(), writer.text.rfind('"') - kBefore.size());
}

}  // namespace netns_lab::reports
