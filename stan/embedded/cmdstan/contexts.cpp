#include "contexts.hpp"

#include <iostream>
#include <stan/io/empty_var_context.hpp>
#include <stan/io/json/json_data.hpp>
#include <stdexcept>

#include "files.hpp"

namespace embedded {

namespace {

using Context = std::shared_ptr<stan::io::var_context>;

bool readable(const std::string& path) { return std::ifstream(path).good(); }

}  // namespace

Context read_context(const std::string& path) {
  if (path.empty()) return std::make_shared<stan::io::empty_var_context>();
  auto stream = open_input(path);
  if (file_suffix(path) == ".json") return std::make_shared<stan::json::json_data>(stream);
  std::cerr << "Warning: file '" << path
            << "' is being read as an 'RDump' file.\n"
               "\tThis format is deprecated and will not receive new features.\n"
               "\tConsider saving your data in JSON format instead."
            << std::endl;
  return read_r_dump(stream);
}

std::vector<Context> read_contexts(const std::string& path, unsigned int chains, unsigned int id) {
  if (chains == 1 || path.empty()) return std::vector<Context>(chains, read_context(path));

  const std::string suffix = file_suffix(path);
  if (suffix.empty())
    throw std::invalid_argument("Found: \"" + path +
                                "\" but user specified files must end in .json or .R");
  if (suffix != ".json" && suffix != ".R")
    throw std::invalid_argument("file ending of " + suffix + " is not supported by cmdstan");

  const auto names = chain_files(path, "", suffix, chains, id);
  if (!readable(names.front())) {
    if (readable(path)) return std::vector<Context>(chains, read_context(path));
    const std::string both = "\"" + names.front() + "\" and base file \"" + path + "\"";
    throw std::invalid_argument("Searching for  \"" + both +
                                "\nCan't open either of specified files," + both + "\n");
  }
  std::vector<Context> contexts;
  for (const auto& name : names) {
    if (!readable(name))
      throw std::invalid_argument("Found \"" + names.front() + "\" but cannot open \"" + name +
                                  "\"\n");
    contexts.push_back(read_context(name));
  }
  return contexts;
}

}  // namespace embedded
