#ifndef EMBEDDED_CMDSTAN_FILES_HPP
#define EMBEDDED_CMDSTAN_FILES_HPP

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// File names as CmdStan derives them, and files that cannot be opened or written.
namespace embedded {

/// The suffix of a file name with its dot (".csv"), or nothing. A dot that is part of "." or "..",
/// that begins the name or that ends it starts no suffix.
std::string file_suffix(const std::string& path);

/// `path` without its suffix, and the suffix.
std::pair<std::string, std::string> split_suffix(const std::string& path);

/// The names of one output for every chain: "out.csv" gives "out.csv" for one chain, else
/// "out_1.csv", "out_2.csv"..., counted from `id`.
/// `tag` goes before the number. The user's own suffix is kept where `type` is ".csv".
std::vector<std::string> chain_files(const std::string& path, const std::string& tag,
                                     const std::string& type, unsigned int chains, unsigned int id);

/// Opens a file for reading; throws where that fails.
std::ifstream open_input(const std::string& path);

/// Opens a file for writing, with `sig_figs` digits where that is not negative. Throws where it
/// cannot be created, which CmdStan does not: a run whose output has nowhere to go is lost.
std::unique_ptr<std::ofstream> open_output(const std::string& path, int sig_figs);

/// Throws where `path` names a directory.
void check_output_name(const std::string& path);

/// Whether both paths lead to one file, which need not exist.
bool same_file(const std::string& a, const std::string& b);

}  // namespace embedded

#endif
