#include "command_line.hpp"

#include <chrono>
#include <iomanip>
#include <limits>
#include <sstream>
#include <stan/version.hpp>

#include "methods.hpp"
#include "nodes.hpp"

namespace embedded {

namespace {

Node seed(Config& config) {
  constexpr long long largest = std::numeric_limits<unsigned int>::max();
  auto node = std::make_unique<Value<long long>>(
      "seed", "Seed of the random number generator", config.seed,
      Value<long long>::Range{
          "non-negative integer < 4294967296  or -1 to generate seed from system time",
          [](const long long& v) { return v >= -1 && v <= largest; }});
  node->show_as(
      [&config] { return std::to_string(config.seed < 0 ? config.random_seed : config.seed); });
  return node;
}

Node output(OutputArguments& arguments) {
  auto node = group("output", "Output files");
  node->add(path("file", "Output file", arguments.file))
      .add(path("diagnostic_file", "File for the sampler's internal state",
                arguments.diagnostic_file))
      .add(value<int>("refresh", "Iterations between two messages", arguments.refresh,
                      "0 <= refresh", [](const int& v) { return v >= 0; }))
      .add(value<int>("sig_figs", "Significant digits of the output", arguments.sig_figs,
                      "0 <= integer <= 18 or -1 to use the default number of significant figures",
                      [](const int& v) { return v >= -1 && v <= 18; }))
      .add(path("profile_file", "File for profiling information", arguments.profile_file))
      .add(flag("save_cmdstan_config", "Write the configuration to a JSON file?",
                arguments.save_cmdstan_config));
  return node;
}

unsigned int clock_seed() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<unsigned int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

void print_build(const Line& out) {
  out("stan_version_major = " + stan::MAJOR_VERSION);
  out("stan_version_minor = " + stan::MINOR_VERSION);
  out("stan_version_patch = " + stan::PATCH_VERSION);
#ifdef STAN_THREADS
  out("STAN_THREADS=true");
#else
  out("STAN_THREADS=false");
#endif
  out("STAN_MPI=false");
  out("STAN_OPENCL=false");
#ifdef STAN_NO_RANGE_CHECKS
  out("STAN_NO_RANGE_CHECKS=true");
#else
  out("STAN_NO_RANGE_CHECKS=false");
#endif
#ifdef STAN_CPP_OPTIMS
  out("STAN_CPP_OPTIMS=true");
#else
  out("STAN_CPP_OPTIMS=false");
#endif
}

}  // namespace

CommandLine::CommandLine(int default_threads) {
  config_.num_threads = default_threads;
  config_.random_seed = clock_seed();

  auto method = method_argument(config_);
  method_ = method.get();

  auto data = group("data", "Input data");
  data->add(path("file", "Input data file", config_.data_file));
  auto random = group("random", "Random numbers");
  random->add(seed(config_));

  arguments_.push_back(std::move(method));
  arguments_.push_back(value<int>("id", "Identifier of the first chain", config_.id, "id >= 0",
                                  [](const int& v) { return v >= 0; }));
  arguments_.push_back(std::move(data));
  arguments_.push_back(text("init",
                            "A number x starts between -x and x, 0 at 0; anything else is a file "
                            "of initial values",
                            config_.init));
  arguments_.push_back(std::move(random));
  arguments_.push_back(output(config_.output));
#ifdef STAN_THREADS
  auto threads = std::make_unique<Value<int>>(
      "num_threads", "Threads for chains, paths and within-chain parallelism", config_.num_threads,
      Value<int>::Range{"num_threads > 0 || num_threads == -1",
                        [](const int& v) { return v > 0 || v == -1; }});
#else
  auto threads = std::make_unique<Value<int>>(
      "num_threads", "Threads; this program was built for one", config_.num_threads,
      Value<int>::Range{"num_threads == 1", [](const int& v) { return v == 1; }});
#endif
  threads->default_in_words("1, or the environment variable STAN_NUM_THREADS");
  arguments_.push_back(std::move(threads));
}

CommandLine::Outcome CommandLine::parse(const std::string& program, std::vector<std::string> words,
                                        const Line& info, const Line& error) {
  if (words.empty()) {
    usage(program, info);
    return Outcome::wrong;
  }
  ParseState state(std::move(words), info, error);
  std::vector<Argument*> unread;
  for (const auto& argument : arguments_) unread.push_back(argument.get());

  bool valid = true;
  bool method_given = false;
  bool found = true;
  while (found && !state.empty()) {
    if (!method_given && method_->accepts(state.word()))
      state.replace_word(method_->name() + "=" + state.word());
    const std::string word = state.word();
    const std::string key = split_word(word).first;
    method_given |= key == method_->name();

    found = false;
    for (auto it = unread.begin(); it != unread.end(); ++it) {
      if ((*it)->name() != key) continue;
      if (word == key) state.advance();
      valid &= (*it)->parse(state);
      unread.erase(it);
      found = true;
      break;
    }

    if (word == "info") {
      print_build(info);
      return Outcome::done;
    }
    if (word == "help-all")
      for (const auto& argument : arguments_) argument->help(info, 1, true);
    if (word == "help" || word == "help-all" || state.help_printed) {
      usage(program, info);
      return Outcome::done;
    }
    if (!found) complain(word, error);
  }
  if (!method_given) error("A method must be specified!");
  if (valid && found && method_given) return Outcome::run;
  error("Failed to parse command arguments, cannot run model.");
  return Outcome::wrong;
}

void CommandLine::complain(const std::string& word, const Line& error) const {
  error(word + " is either mistyped or misplaced.");
  std::vector<std::string> paths;
  for (const auto& argument : arguments_) argument->find(split_word(word).first, "", paths);
  if (paths.empty()) return;
  error("Perhaps you meant one of the following valid configurations?");
  for (const auto& path : paths) error("  " + path);
}

void CommandLine::usage(const std::string& program, const Line& out) const {
  const auto entry = [&out](const std::string& name, const std::string& description) {
    std::ostringstream line;
    line << std::left << std::setw(12) << "  " + name << "  " << description;
    out(line.str());
  };
  out("Usage: " + program +
      " <arg1> <subarg1_1> ... <subarg1_m> ... <arg_n> <subarg_n_1> ... <subarg_n_m>");
  out("");
  out("First choose a method:");
  for (const auto& value : method_->values()) entry(value->name(), value->description());
  out("");
  out("Help is printed by");
  entry("help", "this text");
  entry("help-all", "all arguments");
  entry("info", "version and build flags");
  out("");
  out("What every method takes:");
  for (const auto& argument : arguments_)
    if (argument.get() != method_) entry(argument->name(), argument->description());
  out("");
  out("One argument's own help: " + program + " <arg1> [ help | help-all ]");
  out("");
}

std::vector<std::string> CommandLine::list() const {
  std::vector<std::string> lines;
  for (const auto& argument : arguments_) argument->list(lines, 0);
  return lines;
}

void CommandLine::visit(ConfigVisitor& visitor) const {
  for (const auto& argument : arguments_) argument->visit(visitor);
}

}  // namespace embedded
