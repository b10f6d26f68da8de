// Text made fit for people's eyes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace netns_lab {

// Keeps valid UTF-8 and \n, \t; every other control byte and every broken byte becomes visible as \xNN.
std::string visible(std::string_view bytes);
// The same on one line: \n and \t too become \x0A and \x09.
std::string visible_line(std::string_view bytes);
// The first `limit` bytes of visible text, with "… (N bytes more)" when cut.
std::string visible(std::string_view bytes, std::size_t limit);
// Valid UTF-8 as it is, control characters included; every byte of a broken sequence as \xNN.
std::string make_utf8(std::string_view bytes);
std::string hexadecimal(std::span<const std::uint8_t> bytes);  // "c6336400"
std::string join(std::span<const std::string> parts, std::string_view separator);
// The first `most` of them: "one; two; and 5 more".
std::string join_first(std::span<const std::string> parts, std::size_t most);
// The last lines that hold anything, " | " between them, as visible() makes them: why a script ended.
std::string last_words(std::string_view text, std::size_t lines, std::size_t limit);
std::vector<std::string> split_lines(std::string_view text);  // without line ends; a last empty line is dropped
// Of `known` the word nearest to `word` by edit distance when it is near enough to be a typing error, else "".
std::string nearest_word(std::string_view word, std::span<const std::string> known);

}  // namespace netns_lab
