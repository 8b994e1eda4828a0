#ifndef EMBEDDED_CMDSTAN_LOG_PROB_HPP
#define EMBEDDED_CMDSTAN_LOG_PROB_HPP

#include <stan/model/log_prob_grad.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "files.hpp"
#include "parameters.hpp"
#include "session.hpp"

namespace embedded {

namespace density {

inline std::vector<std::vector<double>> read_points(const LogProbArguments& arguments,
                                                    const stan::model::model_base& model) {
  const auto& unconstrained = arguments.unconstrained_params;
  const auto& constrained = arguments.constrained_params;
  if (unconstrained.empty() && constrained.empty())
    throw std::invalid_argument(
        "No input parameter files provided, cannot calculate log probability density.");
  if (!unconstrained.empty() && !constrained.empty())
    throw std::invalid_argument(
        "Cannot specify both input files of both constrained and unconstrained parameter values.");
  if (!unconstrained.empty()) return read_unconstrained(unconstrained, model);
  constrained_names(model);  // refuses a model without parameters
  if (file_suffix(constrained) != ".csv") return {unconstrain_variables(constrained, model)};
  return unconstrain_draws(read_draws(constrained, model), model);
}

template <bool jacobian>
void write_densities(std::vector<std::vector<double>> points, const stan::model::model_base& model,
                     CsvWriter& writer) {
  std::vector<std::string> names;
  model.unconstrained_param_names(names, false, false);
  for (auto& name : names) name = "g_" + name;
  names.insert(names.begin(), "lp__");
  writer(names);
  std::vector<int> no_integers;
  for (auto& point : points) {
    std::vector<double> gradient;
    const double density =
        stan::model::log_prob_grad<true, jacobian>(model, point, no_integers, gradient);
    gradient.insert(gradient.begin(), density);
    writer(gradient);
  }
}

}  // namespace density

inline int run_log_prob(Session& s) {
  auto points = density::read_points(s.config.log_prob, s.model);
  try {
    if (s.config.log_prob.jacobian)
      density::write_densities<true>(std::move(points), s.model, s.samples[0]);
    else
      density::write_densities<false>(std::move(points), s.model, s.samples[0]);
  } catch (const std::exception& e) {
    s.logger.error("Error during log_prob calculation:\n" + std::string(e.what()) + "\n");
    return 1;
  }
  return 0;
}

}  // namespace embedded

#endif
