#ifndef EMBEDDED_CMDSTAN_CONTEXTS_HPP
#define EMBEDDED_CMDSTAN_CONTEXTS_HPP

#include <istream>
#include <memory>
#include <stan/io/var_context.hpp>
#include <string>
#include <vector>

namespace embedded {

/// Variables read from a JSON file, or, with a warning, from R's older dump format where the name
/// does not end in ".json"; none where `path` is empty. Throws where the file cannot be read.
std::shared_ptr<stan::io::var_context> read_context(const std::string& path);

/// Variables for each of several chains: "init_1.json", "init_2.json"... (numbered from `id`) where
/// the first of them exists, else "init.json" for all. The suffix must be ".json" or ".R".
std::vector<std::shared_ptr<stan::io::var_context>> read_contexts(const std::string& path,
                                                                  unsigned int chains,
                                                                  unsigned int id);

/// Variables in R's dump format. Defined in estimation.cpp, which includes what it needs anyway.
std::shared_ptr<stan::io::var_context> read_r_dump(std::istream& stream);

}  // namespace embedded

#endif
