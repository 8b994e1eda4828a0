#ifndef EMBEDDED_CMDSTAN_GENERATE_QUANTITIES_HPP
#define EMBEDDED_CMDSTAN_GENERATE_QUANTITIES_HPP

#include <stan/services/sample/standalone_gqs.hpp>
#include <stdexcept>
#include <vector>

#include "files.hpp"
#include "parameters.hpp"
#include "session.hpp"

namespace embedded {

inline int run_generate_quantities(Session& s) {
  const auto& file = s.config.generate_quantities.fitted_params;
  if (file.empty())
    throw std::invalid_argument(
        "Missing fitted_params argument, cannot run generate_quantities without fitted sample.");
  if (file_suffix(file) != ".csv")
    throw std::invalid_argument("Fitted params file must be a CSV file.");
  std::vector<Eigen::MatrixXd> draws;
  for (const auto& name : chain_files(file, "", ".csv", s.num_chains, s.id))
    draws.push_back(read_draws(name, s.model));
  return stan::services::standalone_generate(s.model, s.num_chains, draws, s.seed, s.interrupt,
                                             s.logger, s.samples);
}

}  // namespace embedded

#endif
