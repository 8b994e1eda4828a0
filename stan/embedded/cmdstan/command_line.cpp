#include "command_line.hpp"

#include <chrono>
#include <cmath>
#include <iomanip>
#include <limits>
#include <sstream>
#include <stan/version.hpp>

namespace embedded {

namespace {

using Node = std::unique_ptr<Argument>;

template <typename T>
Node value(const std::string& name, const std::string& description, T& field,
           const std::string& valid, std::function<bool(const T&)> contains) {
  return std::make_unique<Value<T>>(name, description, field,
                                    typename Value<T>::Range{valid, std::move(contains)});
}

template <typename T>
Node positive(const std::string& name, const std::string& description, T& field) {
  return value<T>(name, description, field, "0 < " + name, [](const T& v) { return v > 0; });
}

// CmdStan's words for these two say "0 <", its tests let 0 pass.
Node not_negative(const std::string& name, const std::string& description, int& field) {
  return value<int>(name, description, field, "0 < " + name, [](const int& v) { return v >= 0; });
}

Node count(const std::string& name, const std::string& description, unsigned int& field) {
  return value<unsigned int>(name, description, field, "0 < " + name, nullptr);
}

Node flag(const std::string& name, const std::string& description, bool& field) {
  return value<bool>(name, description, field, "[0, 1, false, true]", nullptr);
}

Node tolerance(const std::string& name, const std::string& description, double& field) {
  return value<double>(name, description, field, "0 < " + name,
                       [](const double& v) { return v >= 0; });
}

Node between(const std::string& name, const std::string& description, double& field, double lower,
             double upper) {
  return value<double>(name, description, field,
                       std::to_string(lower) + " <= " + name + " <= " + std::to_string(upper),
                       [lower, upper](const double& v) { return lower <= v && v <= upper; });
}

Node text(const std::string& name, const std::string& description, std::string& field) {
  return value<std::string>(name, description, field, "All", nullptr);
}

Node path(const std::string& name, const std::string& description, std::string& field) {
  return value<std::string>(name, description, field, "Path to existing file", nullptr);
}

Node word(const std::string& name, const std::string& description) {
  return std::make_unique<Word>(name, description);
}

std::unique_ptr<Group> group(const std::string& name, const std::string& description) {
  return std::make_unique<Group>(name, description);
}

template <typename Enum>
std::unique_ptr<Choice> choice(const std::string& name, const std::string& description,
                               Enum& field) {
  return std::make_unique<Choice>(name, description, static_cast<int>(field),
                                  [&field](int index) { field = static_cast<Enum>(index); });
}

void add_bfgs(Group& group, BfgsArguments& bfgs) {
  group.add(positive("init_alpha", "Step size of the first line search", bfgs.init_alpha))
      .add(tolerance("tol_obj", "Stop at this absolute change of the objective", bfgs.tol_obj))
      .add(tolerance("tol_rel_obj", "Stop at this relative change of the objective",
                     bfgs.tol_rel_obj))
      .add(tolerance("tol_grad", "Stop at this norm of the gradient", bfgs.tol_grad))
      .add(tolerance("tol_rel_grad", "Stop at this relative norm of the gradient",
                     bfgs.tol_rel_grad))
      .add(tolerance("tol_param", "Stop at this change of the parameters", bfgs.tol_param));
}

void add_lbfgs(Group& group, BfgsArguments& lbfgs) {
  add_bfgs(group, lbfgs);
  group.add(positive("history_size", "Steps that L-BFGS remembers", lbfgs.history_size));
}

Node sample(SampleArguments& arguments) {
  Adaptation& adaptation = arguments.adapt;
  auto adapt = group("adapt", "Adaptation during warm-up");
  adapt->add(flag("engaged", "Adapt step size and metric?", adaptation.engaged))
      .add(positive("gamma", "Regularization scale", adaptation.gamma))
      .add(between("delta", "Target acceptance statistic", adaptation.delta, 0.1,
                   std::nextafter(1.0, 0.0)))
      .add(positive("kappa", "Relaxation exponent", adaptation.kappa))
      .add(positive("t0", "Iteration offset", adaptation.t0))
      .add(count("init_buffer", "Iterations of the first fast interval", adaptation.init_buffer))
      .add(count("term_buffer", "Iterations of the last fast interval", adaptation.term_buffer))
      .add(count("window", "Iterations of the first slow interval", adaptation.window))
      .add(flag("save_metric", "Write the adapted metric to a JSON file?", adaptation.save_metric));

  auto static_time = group("static", "Fixed integration time");
  static_time->add(positive("int_time", "Total integration time", arguments.int_time));
  auto nuts = group("nuts", "The No-U-Turn Sampler");
  nuts->add(positive("max_depth", "Maximum depth of the tree", arguments.max_depth));
  auto engine = choice("engine", "Engine of Hamiltonian Monte Carlo", arguments.engine);
  engine->add(std::move(static_time)).add(std::move(nuts));

  auto metric = choice("metric", "Geometry of the base manifold", arguments.metric);
  metric->add(word("unit_e", "Euclidean, unit metric"))
      .add(word("diag_e", "Euclidean, diagonal metric"))
      .add(word("dense_e", "Euclidean, dense metric"));

  auto hmc = group("hmc", "Hamiltonian Monte Carlo");
  hmc->add(std::move(engine))
      .add(std::move(metric))
      .add(path("metric_file", "File with an inverse metric to start from", arguments.metric_file))
      .add(positive("stepsize", "Initial step size", arguments.stepsize))
      .add(between("stepsize_jitter", "Uniform random jitter of the step size, as a fraction",
                   arguments.stepsize_jitter, 0, 1));
  auto algorithm = choice("algorithm", "Sampling algorithm", arguments.algorithm);
  algorithm->add(std::move(hmc)).add(word("fixed_param", "Keep the parameters at their start"));

  auto method = group("sample", "Bayesian inference with Markov chain Monte Carlo");
  method->add(not_negative("num_samples", "Iterations after warm-up", arguments.num_samples))
      .add(not_negative("num_warmup", "Iterations of warm-up", arguments.num_warmup))
      .add(flag("save_warmup", "Write the draws of the warm-up too?", arguments.save_warmup))
      .add(positive("thin", "Keep one draw out of this many", arguments.thin))
      .add(std::move(adapt))
      .add(std::move(algorithm))
      .add(positive("num_chains", "Chains to run in this process", arguments.num_chains));
  return method;
}

Node optimize(OptimizeArguments& arguments) {
  auto bfgs = group("bfgs", "BFGS with line search");
  add_bfgs(*bfgs, arguments.bfgs);
  auto lbfgs = group("lbfgs", "L-BFGS with line search");
  add_lbfgs(*lbfgs, arguments.lbfgs);
  auto algorithm = choice("algorithm", "Optimization algorithm", arguments.algorithm);
  algorithm->add(std::move(bfgs)).add(std::move(lbfgs)).add(group("newton", "Newton's method"));

  auto method = group("optimize", "Point estimation");
  method->add(std::move(algorithm))
      .add(flag("jacobian", "Adjust the density for the transforms of constrained parameters?",
                arguments.jacobian))
      .add(positive("iter", "Maximum number of iterations", arguments.iter))
      .add(flag("save_iterations", "Write every iteration?", arguments.save_iterations));
  return method;
}

Node variational(VariationalArguments& arguments) {
  auto algorithm = choice("algorithm", "Variational family", arguments.algorithm);
  algorithm->add(group("meanfield", "Gaussian with a diagonal covariance"))
      .add(group("fullrank", "Gaussian with a full covariance"));
  auto adapt = group("adapt", "Adaptation of eta");
  adapt->add(flag("engaged", "Adapt eta?", arguments.adapt_engaged))
      .add(positive("iter", "Maximum number of adaptation iterations", arguments.adapt_iter));

  auto method = group("variational", "Automatic differentiation variational inference");
  method->add(std::move(algorithm))
      .add(positive("iter", "Maximum number of iterations", arguments.iter))
      .add(positive("grad_samples", "Draws for each gradient", arguments.grad_samples))
      .add(positive("elbo_samples", "Draws for each ELBO", arguments.elbo_samples))
      .add(positive("eta", "Scale of the step size", arguments.eta))
      .add(std::move(adapt))
      .add(positive("tol_rel_obj", "Stop at this relative change of the ELBO",
                    arguments.tol_rel_obj))
      .add(positive("eval_elbo", "Iterations between two ELBOs", arguments.eval_elbo))
      .add(positive("output_samples", "Draws to write", arguments.output_samples));
  return method;
}

Node diagnose(DiagnoseArguments& arguments) {
  auto gradient = group("gradient", "Compare the gradient with finite differences");
  gradient->add(positive("epsilon", "Step of the finite differences", arguments.epsilon))
      .add(positive("error", "Difference that counts as an error", arguments.error));
  auto test = choice("test", "Test to run", arguments.test);
  test->add(std::move(gradient));

  auto method = group("diagnose", "Model diagnostics");
  method->add(std::move(test));
  return method;
}

Node generate_quantities(GenerateQuantitiesArguments& arguments) {
  auto method = group("generate_quantities", "Generated quantities for draws made before");
  method
      ->add(path("fitted_params", "CSV file with draws of the parameters", arguments.fitted_params))
      .add(positive("num_chains", "Files of draws", arguments.num_chains));
  return method;
}

Node pathfinder(PathfinderArguments& arguments) {
  auto method = group("pathfinder", "Pathfinder variational inference");
  add_lbfgs(*method, arguments.lbfgs);
  method
      ->add(positive("num_psis_draws", "Draws kept by importance resampling",
                     arguments.num_psis_draws))
      .add(positive("num_paths", "Paths, each with its own start", arguments.num_paths))
      .add(flag("save_single_paths", "Write the draws of each path?", arguments.save_single_paths))
      .add(flag("psis_resample",
                "Resample the draws of all paths by importance? If not, all "
                "are written",
                arguments.psis_resample))
      .add(flag("calculate_lp",
                "Evaluate the log density of every draw? If not, there is no "
                "resampling",
                arguments.calculate_lp))
      .add(positive("max_lbfgs_iters", "Maximum number of L-BFGS iterations",
                    arguments.max_lbfgs_iters))
      .add(positive("num_draws", "Draws of each path", arguments.num_draws))
      .add(positive("num_elbo_draws", "Draws for each ELBO", arguments.num_elbo_draws));
  return method;
}

Node log_prob(LogProbArguments& arguments) {
  auto method = group("log_prob", "Log density, up to a constant, and gradient at given points");
  method
      ->add(path("unconstrained_params", "File of unconstrained parameters",
                 arguments.unconstrained_params))
      .add(path("constrained_params", "File of constrained parameters",
                arguments.constrained_params))
      .add(flag("jacobian", "Adjust the density for the transforms of constrained parameters?",
                arguments.jacobian));
  return method;
}

Node laplace(LaplaceArguments& arguments) {
  auto method = group("laplace", "Laplace approximation around a mode");
  method
      ->add(
          text("mode", "CSV or JSON file with the mode, on the constrained scale", arguments.mode))
      .add(flag("jacobian", "Adjust the density for the transforms of constrained parameters?",
                arguments.jacobian))
      .add(not_negative("draws", "Draws to write", arguments.draws))
      .add(flag("calculate_lp", "Evaluate the log density of every draw?", arguments.calculate_lp));
  return method;
}

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

  auto method = choice("method", "Analysis method (method= may be left out)", config_.method);
  method->add(sample(config_.sample))
      .add(optimize(config_.optimize))
      .add(variational(config_.variational))
      .add(diagnose(config_.diagnose))
      .add(generate_quantities(config_.generate_quantities))
      .add(pathfinder(config_.pathfinder))
      .add(log_prob(config_.log_prob))
      .add(laplace(config_.laplace));
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
