#ifndef EMBEDDED_CMDSTAN_LAPLACE_HPP
#define EMBEDDED_CMDSTAN_LAPLACE_HPP

#include <stan/services/optimize/laplace_sample.hpp>
#include <stdexcept>

#include "parameters.hpp"
#include "session.hpp"

namespace embedded {

inline int run_laplace(Session& s) {
  const auto& a = s.config.laplace;
  if (a.mode.empty())
    throw std::invalid_argument(
        "Missing mode argument, cannot get laplace sample without parameter estimates theta-hat");
  const Eigen::VectorXd mode = read_mode(a.mode, s.model);
  const auto run = [&](auto jacobian) {
    return stan::services::laplace_sample<decltype(jacobian)::value>(
        s.model, mode, a.draws, a.calculate_lp, s.seed, s.refresh, s.interrupt, s.logger,
        s.samples[0], s.structured_diagnostics[0]);
  };
  return a.jacobian ? run(std::true_type()) : run(std::false_type());
}

}  // namespace embedded

#endif
