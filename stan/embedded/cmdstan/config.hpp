#ifndef EMBEDDED_CMDSTAN_CONFIG_HPP
#define EMBEDDED_CMDSTAN_CONFIG_HPP

#include <string>

/// What the command line can ask for, one structure a method. The defaults are CmdStan 2.35's;
/// `command_line.cpp` binds every field to its name on the command line.
namespace embedded {

/// Analysis methods, in the order in which CmdStan lists them.
enum class Method {
  sample,
  optimize,
  variational,
  diagnose,
  generate_quantities,
  pathfinder,
  log_prob,
  laplace
};

enum class SampleAlgorithm { hmc, fixed_param };
enum class HmcEngine { static_time, nuts };
enum class HmcMetric { unit_e, diag_e, dense_e };
enum class OptimizeAlgorithm { bfgs, lbfgs, newton };
enum class VariationalAlgorithm { meanfield, fullrank };
enum class DiagnoseTest { gradient };

/// Warm-up adaptation of HMC; buffers and window are numbers of iterations.
struct Adaptation {
  bool engaged = true;
  double gamma = 0.05;
  double delta = 0.8;
  double kappa = 0.75;
  double t0 = 10;
  unsigned int init_buffer = 75;
  unsigned int term_buffer = 50;
  unsigned int window = 25;
  bool save_metric = false;
};

struct SampleArguments {
  int num_samples = 1000;
  int num_warmup = 1000;
  bool save_warmup = false;
  int thin = 1;
  Adaptation adapt;
  SampleAlgorithm algorithm = SampleAlgorithm::hmc;
  HmcEngine engine = HmcEngine::nuts;
  int max_depth = 10;
  double int_time = 6.28318530717959;
  HmcMetric metric = HmcMetric::diag_e;
  std::string metric_file;
  double stepsize = 1;
  double stepsize_jitter = 0;
  int num_chains = 1;
};

/// Line search and stopping rules that BFGS, L-BFGS and Pathfinder share.
struct BfgsArguments {
  double init_alpha = 0.001;
  double tol_obj = 1e-12;
  double tol_rel_obj = 1e+4;
  double tol_grad = 1e-8;
  double tol_rel_grad = 1e+7;
  double tol_param = 1e-8;
  int history_size = 5;  // unused by BFGS
};

struct OptimizeArguments {
  OptimizeAlgorithm algorithm = OptimizeAlgorithm::lbfgs;
  BfgsArguments bfgs;
  BfgsArguments lbfgs;
  bool jacobian = false;
  int iter = 2000;
  bool save_iterations = false;
};

struct VariationalArguments {
  VariationalAlgorithm algorithm = VariationalAlgorithm::meanfield;
  int iter = 10000;
  int grad_samples = 1;
  int elbo_samples = 100;
  double eta = 1;
  bool adapt_engaged = true;
  int adapt_iter = 50;
  double tol_rel_obj = 0.01;
  int eval_elbo = 100;
  int output_samples = 1000;
};

struct DiagnoseArguments {
  DiagnoseTest test = DiagnoseTest::gradient;
  double epsilon = 1e-6;
  double error = 1e-6;
};

struct GenerateQuantitiesArguments {
  std::string fitted_params;
  int num_chains = 1;
};

struct PathfinderArguments {
  BfgsArguments lbfgs;
  int num_psis_draws = 1000;
  int num_paths = 4;
  bool save_single_paths = false;
  bool psis_resample = true;
  bool calculate_lp = true;
  int max_lbfgs_iters = 1000;
  int num_draws = 1000;
  int num_elbo_draws = 25;
};

struct LogProbArguments {
  std::string unconstrained_params;
  std::string constrained_params;
  bool jacobian = true;
};

struct LaplaceArguments {
  std::string mode;
  bool jacobian = true;
  int draws = 1000;
  bool calculate_lp = true;
};

struct OutputArguments {
  std::string file = "output.csv";
  std::string diagnostic_file;
  int refresh = 100;
  int sig_figs = -1;  // -1: the stream's own default, six digits
  std::string profile_file = "profile.csv";
  bool save_cmdstan_config = false;
};

struct Config {
  Method method = Method::sample;
  SampleArguments sample;
  OptimizeArguments optimize;
  VariationalArguments variational;
  DiagnoseArguments diagnose;
  GenerateQuantitiesArguments generate_quantities;
  PathfinderArguments pathfinder;
  LogProbArguments log_prob;
  LaplaceArguments laplace;
  int id = 1;
  std::string data_file;
  std::string init = "2";
  long long seed = -1;  // -1: from the clock, see random_seed
  OutputArguments output;
  int num_threads = 1;

  /// The seed in use: `seed`, or the clock's where none was given.
  unsigned int random_seed = 0;

  /// Chains (or paths) that this process runs.
  unsigned int num_chains() const {
    switch (method) {
      case Method::sample:
        return sample.num_chains;
      case Method::pathfinder:
        return pathfinder.num_paths;
      case Method::generate_quantities:
        return generate_quantities.num_chains;
      default:
        return 1;
    }
  }
};

}  // namespace embedded

#endif
