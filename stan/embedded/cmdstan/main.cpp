// A CmdStan-compatible program over Stan's services. It is compiled once; a model is an object file
// that stanc and the C++ compiler made, which defines new_model and get_stan_profile_data.

#include <iostream>
#include <memory>
#include <stan/math/prim/core/init_threadpool_tbb.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "contexts.hpp"
#include "files.hpp"
#include "services.hpp"
#include "session.hpp"

/// Defined by the model's object file; the caller owns the model.
stan::model::model_base& new_model(stan::io::var_context& data, unsigned int seed,
                                   std::ostream* messages);

namespace embedded {

namespace {

/// Sets the number of threads from the command line and STAN_NUM_THREADS, which must not disagree.
void start_threads(int wanted) {
  const int from_environment = stan::math::internal::get_num_threads();
  if (from_environment != 1 && from_environment != wanted)
    throw std::invalid_argument("STAN_NUM_THREADS= " + std::to_string(from_environment) +
                                " but argument num_threads= " + std::to_string(wanted) +
                                ". Please either only set one or make sure they are equal.");
  stan::math::init_threadpool_tbb(wanted);
}

void check_arguments(const Config& config) {
  const auto& sample = config.sample;
  if (config.method == Method::sample && sample.num_chains > 1 &&
      sample.algorithm == SampleAlgorithm::hmc && sample.engine == HmcEngine::static_time)
    throw std::invalid_argument(
        "Argument 'num_chains' is unavailable for the 'static' HMC engine.");

  check_output_name(config.output.file);
  check_output_name(config.output.diagnostic_file);
  const auto must_differ = [&config](const std::string& name, const std::string& input) {
    if (same_file(input, config.output.file))
      throw std::invalid_argument("Filename conflict, " + name + " file " + input +
                                  " and output file names are identical, must be different.\n");
  };
  if (config.method == Method::generate_quantities)
    must_differ("fitted_params", config.generate_quantities.fitted_params);
  if (config.method == Method::laplace) must_differ("mode", config.laplace.mode);
  if (config.method == Method::log_prob)
    must_differ("constrained_params", config.log_prob.constrained_params);
}

int run_method(Session& session) {
  switch (session.config.method) {
    case Method::sample:
      return sample(session);
    case Method::optimize:
      return optimize(session);
    case Method::variational:
      return variational(session);
    case Method::diagnose:
      return diagnose(session);
    case Method::generate_quantities:
      return generate_quantities(session);
    case Method::pathfinder:
      return pathfinder(session);
    case Method::log_prob:
      return log_prob(session);
    case Method::laplace:
      return laplace(session);
  }
  throw std::logic_error("unknown method");
}

/// Runs the program; true where it did what was asked.
bool run(const std::string& program, const std::vector<std::string>& words) {
  const auto console = [](std::ostream& stream) {
    return [&stream](const std::string& line) { stream << line << std::endl; };
  };
  CommandLine command_line(stan::math::internal::get_num_threads());
  const auto outcome = command_line.parse(program, words, console(std::cout), console(std::cerr));
  if (outcome != CommandLine::Outcome::run) return outcome == CommandLine::Outcome::done;

  const auto& config = command_line.config();
  start_threads(config.num_threads);
  check_arguments(config);
  for (const auto& line : command_line.list()) std::cout << line << "\n";
  std::cout << std::endl;

  const auto data = read_context(config.data_file);
  const auto seed = config.seed < 0 ? config.random_seed : static_cast<unsigned int>(config.seed);
  const std::unique_ptr<stan::model::model_base> model(&new_model(*data, seed, &std::cout));

  Session session(command_line, *model);
  int status = 0;
  try {
    session.write_headers();
    status = run_method(session);
  } catch (const std::ios_base::failure&) {
    session.outputs.check_written();  // names the file and the reason
    throw;
  }
  session.outputs.check_written();
  write_profile(config.output);
  return status == 0;
}

}  // namespace

}  // namespace embedded

/// The one place where an exception becomes an exit code.
int main(int argc, char* argv[]) {
  try {
    return embedded::run(argv[0], {argv + 1, argv + argc}) ? 0 : 1;
  } catch (const std::exception& e) {
    std::cerr << e.what() << std::endl;
    return 1;
  }
}
