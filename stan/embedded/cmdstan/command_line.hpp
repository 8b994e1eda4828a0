#ifndef EMBEDDED_CMDSTAN_COMMAND_LINE_HPP
#define EMBEDDED_CMDSTAN_COMMAND_LINE_HPP

#include <memory>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "config.hpp"

namespace embedded {

/// CmdStan's command line: the argument tree, bound to a `Config`.
class CommandLine {
 public:
  enum class Outcome {
    run,   ///< `config()` holds what to do
    done,  ///< help or version information was printed
    wrong  ///< a message was printed
  };

  /// `default_threads` is what `num_threads` is unless it is given.
  explicit CommandLine(int default_threads);
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// Reads the words after the program's name. Help goes to `info`, complaints to `error`.
  Outcome parse(const std::string& program, std::vector<std::string> words, const Line& info,
                const Line& error);

  const Config& config() const { return config_; }

  /// The configuration as the console and the headers of CSV files list it.
  std::vector<std::string> list() const;
  /// The same, for the JSON file of `save_cmdstan_config`.
  void visit(ConfigVisitor& visitor) const;

 private:
  void usage(const std::string& program, const Line& out) const;
  void complain(const std::string& word, const Line& error) const;

  Config config_;
  Choice* method_ = nullptr;  // owned by arguments_
  std::vector<std::unique_ptr<Argument>> arguments_;
};

}  // namespace embedded

#endif
