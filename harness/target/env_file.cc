#include "harness/target/env_file.h"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "harness/base/text.h"

namespace netns_lab {
namespace {

constexpr auto kRemedy =
    "write one assignment a line, NAME=value or export NAME='value', without expansions or commands";

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool continues_name(char c) { return starts_name(c) || (c >= '0' && c <= '9'); }

struct Assignment {
  bool exported = false;
  std::string name;
  std::string value;
  std::string_view rest;  // what follows the value: blanks and a comment
};

struct Line {
  std::optional<Assignment> assignment;  // none: blank, a comment, or
  std::vector<std::string> exported;     // names that have their values already
  std::string problem;                   // not empty: refused
};

// Reads one line of the file, front to back.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : line_(line) {}

  Line read() {
    if (const std::string control = control_byte(); !control.empty()) return refused(control);
    skip_blanks();
    if (at_end() || peek() == '#') return {};
    Assignment assignment;
    std::string word = take_name();
    if (word == "export" && !at_end() && is_blank(peek())) {
      assignment.exported = true;
      skip_blanks();
      word = take_name();
      if (!word.empty() && (at_end() || is_blank(peek()) || peek() == ';')) return read_names(std::move(word));
    }
    if (word.empty() || at_end() || peek() != '=') return refused(seen("an assignment was expected, but here stands"));
    assignment.name = std::move(word);
    ++at_;
    if (std::string problem = take_value(assignment.value); !problem.empty()) return refused(std::move(problem));
    assignment.rest = line_.substr(at_);
    if (!ends_here())
      return refused("after the value of " + assignment.name + " stands more: " + quoted(line_.substr(at_)));
    Line line;
    line.assignment = std::move(assignment);
    return line;
  }

 private:
  // export NAME NAME: the first is read.
  Line read_names(std::string name) {
    Line line;
    while (!name.empty()) {
      line.exported.push_back(std::move(name));
      skip_blanks();
      name = take_name();
    }
    return ends_here() ? line : refused(seen("names were expected behind export, but here stands"));
  }

  // But for one semicolon and a comment.
  bool ends_here() {
    skip_blanks();
    if (!at_end() && peek() == ';') {
      ++at_;
      if (!at_end() && peek() == ';') return false;
      skip_blanks();
    }
    return at_end() || peek() == '#';
  }

  static Line refused(std::string problem) {
    Line line;
    line.problem = std::move(problem);
    return line;
  }
  static std::string quoted(std::string_view text) { return "\"" + visible(text, 60) + "\""; }
  std::string seen(const std::string& words) const { return words + " " + quoted(line_); }

  bool at_end() const { return at_ == line_.size(); }
  char peek() const { return line_[at_]; }
  void skip_blanks() {
    while (!at_end() && is_blank(peek())) ++at_;
  }
  std::string take_name() {
    const std::size_t from = at_;
    if (!at_end() && starts_name(peek())) {
      while (!at_end() && continues_name(peek())) ++at_;
    }
    return std::string(line_.substr(from, at_ - from));
  }

  std::string control_byte() const {
    for (const char c : line_) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\r')
        return "the line holds a carriage return, which bash would take for a part of the value (Windows line ends?)";
      if ((byte < 0x20 && c != '\t') || byte == 0x7F)
        return fmt::format("the line holds the control byte 0x{:02X}", byte);
    }
    return "";
  }

  // The pieces of a value up to a blank or the end; not empty: what is wrong with it.
  std::string take_value(std::string& value) {
    bool first = true;
    for (; !at_end() && !is_blank(peek()); first = false) {
      const char c = peek();
      if (c == '\'' || c == '"') {
        if (std::string problem = take_quoted(c, value); !problem.empty()) return problem;
        continue;
      }
      if (std::string_view("$`").find(c) != std::string_view::npos) return expansion();
      if (c == ';' && LineReader(line_.substr(at_)).ends_here()) return "";
      // The braces and patterns would stay as they are after NAME=, but not everywhere after export.
      if (std::string_view(";&|<>()\\{}*?[]").find(c) != std::string_view::npos) {
        return fmt::format("a bare {} is not allowed in a value, quote it; seen {}", c, quoted(line_));
      }
      // A tilde at the start, or after a colon, means a home folder (bash(1), Tilde Expansion).
      if (c == '~' && (first || value.back() == ':')) return seen("bash would expand the ~ in");
      value += c;
      ++at_;
    }
    return "";
  }

  std::string take_quoted(char quote, std::string& value) {
    const std::size_t end = line_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return seen("a quote is not closed on its line:");
    const std::string_view inside = line_.substr(at_ + 1, end - at_ - 1);
    if (quote == '"') {
      if (inside.find_first_of("$`") != std::string_view::npos) return expansion();
      if (inside.find('\\') != std::string_view::npos) {
        return "a \\ inside \"…\" is not allowed, use '…'; seen " + quoted(line_);
      }
    }
    value += inside;
    at_ = end + 1;
    return "";
  }

  std::string expansion() const { return seen("bash would expand or run something in"); }

  std::string_view line_;
  std::size_t at_ = 0;
};

// 'value', with each ' inside as '"'"', which this reader understands too.
std::string in_quotes(const std::string& value) {
  std::string text = "'";
  for (const char c : value) text += c == '\'' ? std::string("'\"'\"'") : std::string(1, c);
  return text + "'";
}

// Bare where that is the same, as the tutorial writes it.
std::string as_value(const std::string& value) {
  const bool plain =
      value.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_/-,+@%") ==
      std::string::npos;
  return plain ? value : in_quotes(value);
}

}  // namespace

Result<Parameters> parse_env_file(std::string_view text, const std::string& name) {
  if (text.size() > kMostEnvFileBytes) {
    return tl::unexpected(Error::invalid(
        "read " + name, fmt::format("it has {} bytes; at most {} are read", text.size(), kMostEnvFileBytes)));
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    return tl::unexpected(Error::invalid(name + ":1", "it begins with a UTF-8 byte order mark, which no shell knows",
                                         "save it without one"));
  }
  Parameters parameters;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    Line line = LineReader(text.substr(0, end)).read();
    if (!line.problem.empty())
      return tl::unexpected(Error::invalid(fmt::format("{}:{}", name, number), line.problem, kRemedy));
    for (const std::string& exported : line.exported) {
      if (parameters.contains(exported)) continue;
      return tl::unexpected(Error::invalid(fmt::format("{}:{}", name, number),
                                           fmt::format("it exports {}, which has no value here", exported), kRemedy));
    }
    if (line.assignment) parameters[line.assignment->name] = line.assignment->value;
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
  }
  return parameters;
}

std::string with_values(std::string_view text, const Parameters& values) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view original = text.substr(0, end);
    const Line line = LineReader(original).read();
    const auto value = line.assignment ? values.find(line.assignment->name) : values.end();
    if (value != values.end() && value->second != line.assignment->value) {
      out += fmt::format("{}{}={}{}", line.assignment->exported ? "export " : "", line.assignment->name,
                         as_value(value->second), line.assignment->rest);
    } else {
      out += original;
    }
    if (end == std::string_view::npos) break;
    out += '\n';
    text = text.substr(end + 1);
  }
  return out;
}

std::string env_file_of(const Parameters& values) {
  std::string out;
  for (const auto& [name, value] : values) out += fmt::format("{}={}\n", name, as_value(value));
  return out;
}

}  // namespace netns_lab
