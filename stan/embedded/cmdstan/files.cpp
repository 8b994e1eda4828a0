#include "files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace embedded {

namespace {

constexpr char separator = '/';

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// The path's parts from last to first, without "." and "..".
std::vector<std::string> parts_from_end(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t end = path.size();
  while (true) {
    const auto slash = end == 0 ? std::string::npos : path.rfind(separator, end - 1);
    const auto begin = slash == std::string::npos ? 0 : slash + 1;
    const std::string part = path.substr(begin, end - begin);
    if (!part.empty() && part != "." && part != "..") parts.push_back(part);
    if (slash == std::string::npos) return parts;
    end = slash;
  }
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

bool likely_same_file(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return false;
  const auto parts_a = parts_from_end(a);
  const auto parts_b = parts_from_end(b);
  const auto shared = std::min(parts_a.size(), parts_b.size());
  for (std::size_t i = 0; i < shared; ++i)
    if (parts_a[i] != parts_b[i]) return false;
  return true;
}

}  // namespace embedded
