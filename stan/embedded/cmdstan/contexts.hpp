#ifndef EMBEDDED_CMDSTAN_CONTEXTS_HPP
#define EMBEDDED_CMDSTAN_CONTEXTS_HPP

#include <memory>
#include <stan/io/var_context.hpp>
#include <string>
#include <vector>

namespace embedded {

/// Variables read from a JSON file; none where `path` is empty. Throws where the file cannot be
/// read or is not JSON.
std::shared_ptr<stan::io::var_context> read_context(const std::string& path);

/// Variables for each of several chains: "init_1.json", "init_2.json"... (numbered from `id`) where
/// the first of them exists, else "init.json" for all.
std::vector<std::shared_ptr<stan::io::var_context>> read_contexts(const std::string& path,
                                                                  unsigned int chains,
                                                                  unsigned int id);

}  // namespace embedded

#endif
