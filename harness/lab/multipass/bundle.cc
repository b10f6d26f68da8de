#include "harness/lab/multipass/bundle.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "harness/lab/shared_libraries.h"

namespace netns_lab::multipass {
namespace {

constexpr std::size_t kBlock = 512;  // POSIX.1-2017 pax, "ustar Interchange Format"

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.good() || (file.eof() && !bytes.empty())) return bytes;
  return tl::unexpected(Error::system("read " + path, errno));
}

}  // namespace

std::vector<std::string> Bundle::argv(const std::vector<std::string>& arguments) const {
  std::vector<std::string> all = {folder() + "/lib/" + std::filesystem::path(kLoader).filename().string(),
                                  "--library-path", folder() + "/lib", folder() + "/netns-lab"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Result<std::string> archive_member(std::string_view path, std::string_view bytes, bool is_executable) {
  std::array<char, kBlock> header{};
  if (path.empty() || path.size() > 100) {
    return tl::unexpected(Error::invalid(fmt::format("archive {}", path), "its path is longer than an archive holds"));
  }
  const auto put = [&header](std::size_t at, std::string_view text) {
    std::memcpy(header.data() + at, text.data(), text.size());
  };
  put(0, path);
  put(100, is_executable ? "0000755" : "0000644");
  put(108, "0000000");  // root
  put(116, "0000000");
  put(124, fmt::format("{:011o}", bytes.size()));
  put(136, "00000000000");  // 1970: the same bytes for the same build
  put(148, "        ");     // the checksum's own place counts as blanks
  put(156, "0");            // a regular file
  put(257, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum));
  header[154] = '\0';
  std::string member(header.data(), header.size());
  member += bytes;
  member.resize((member.size() + kBlock - 1) / kBlock * kBlock, '\0');
  return member;
}

std::string archive_end() { return std::string(2 * kBlock, '\0'); }

Result<std::string> archive(const Bundle& bundle, const std::string& program) {
  std::string all;
  const auto add = [&](const std::string& name, const std::string& from) -> Result<void> {
    NETNS_LAB_ASSIGN(const std::string bytes, read_file(from));
    NETNS_LAB_ASSIGN(const std::string member, archive_member((bundle.folder() + "/" + name).substr(1), bytes, true));
    all += member;
    return {};
  };
  NETNS_LAB_TRY(add("netns-lab", program));
  NETNS_LAB_ASSIGN(std::set<std::string> libraries, libraries_of({program}));
  if (libraries.empty()) {
    return tl::unexpected(Error::internal("gather the libraries of " + program, "the loader names none"));
  }
  libraries.insert(kLoader);
  for (const std::string& library : libraries) {
    NETNS_LAB_TRY(add("lib/" + std::filesystem::path(library).filename().string(), library));
  }
  all += archive_end();
  return all;
}

}  // namespace netns_lab::multipass
