#include "files.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace embedded {

namespace {

constexpr char separator = '/';

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

std::string file_suffix(const std::string& path) {
  const auto slash = path.rfind(separator);
  const auto first = slash == std::string::npos ? 0 : slash + 1;
  for (std::size_t i = path.size(); i-- > first + 1;) {
    if (path[i] != '.') continue;
    const bool dots_around = path[i - 1] == '.' || (i + 1 < path.size() && path[i + 1] == '.');
    if (i + 1 < path.size() && !dots_around) return path.substr(i);
  }
  return "";
}

std::pair<std::string, std::string> split_suffix(const std::string& path) {
  const std::string suffix = file_suffix(path);
  return {path.substr(0, path.size() - suffix.size()), suffix};
}

std::vector<std::string> chain_files(const std::string& path, const std::string& tag,
                                     const std::string& type, unsigned int chains,
                                     unsigned int id) {
  auto [base, suffix] = split_suffix(path);
  if (type != ".csv" || suffix.empty()) suffix = type;
  if (chains == 1) return {base + tag + suffix};
  std::vector<std::string> names;
  for (unsigned int chain = 0; chain < chains; ++chain)
    names.push_back(base + tag + "_" + std::to_string(id + chain) + suffix);
  return names;
}

std::ifstream open_input(const std::string& path) {
  std::ifstream stream(path);
  if (!stream) throw std::invalid_argument("Can't open specified file, \"" + path + "\"\n");
  return stream;
}

std::unique_ptr<std::ofstream> open_output(const std::string& path, int sig_figs) {
  auto stream = std::make_unique<std::ofstream>(path);
  if (!*stream)
    throw std::runtime_error("Can't write output file \"" + path + "\": " + std::strerror(errno));
  stream->exceptions(std::ofstream::badbit);  // stop at once where the disk fills up
  if (sig_figs > -1) stream->precision(sig_figs);
  return stream;
}

void check_output_name(const std::string& path) {
  if (ends_with(path, "/") || ends_with(path, "..") || ends_with(path, "/."))
    throw std::invalid_argument("Ill-formed output filename " + path + "\n");
}

bool same_file(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return false;
  std::error_code no_such_file;
  return std::filesystem::weakly_canonical(a, no_such_file) ==
         std::filesystem::weakly_canonical(b, no_such_file);
}

}  // namespace embedded
