#ifndef EMBEDDED_CMDSTAN_OPTIMIZE_HPP
#define EMBEDDED_CMDSTAN_OPTIMIZE_HPP

#include <stan/services/optimize/bfgs.hpp>
#include <stan/services/optimize/lbfgs.hpp>
#include <stan/services/optimize/newton.hpp>

#include "session.hpp"

namespace embedded {

template <bool jacobian>
int run_optimize(Session& s) {
  using Model = stan::model::model_base;
  namespace services = stan::services::optimize;
  const auto& a = s.config.optimize;
  auto& init = *s.inits[0];
  auto& init_writer = s.init_writers[0];
  auto& writer = s.samples[0];
  switch (a.algorithm) {
    case OptimizeAlgorithm::newton:
      return services::newton<Model, jacobian>(s.model, init, s.seed, s.id, s.init_radius, a.iter,
                                               a.save_iterations, s.interrupt, s.logger,
                                               init_writer, writer);
    case OptimizeAlgorithm::bfgs:
      return services::bfgs<Model, jacobian>(
          s.model, init, s.seed, s.id, s.init_radius, a.bfgs.init_alpha, a.bfgs.tol_obj,
          a.bfgs.tol_rel_obj, a.bfgs.tol_grad, a.bfgs.tol_rel_grad, a.bfgs.tol_param, a.iter,
          a.save_iterations, s.refresh, s.interrupt, s.logger, init_writer, writer);
    case OptimizeAlgorithm::lbfgs:
      return services::lbfgs<Model, jacobian>(
          s.model, init, s.seed, s.id, s.init_radius, a.lbfgs.history_size, a.lbfgs.init_alpha,
          a.lbfgs.tol_obj, a.lbfgs.tol_rel_obj, a.lbfgs.tol_grad, a.lbfgs.tol_rel_grad,
          a.lbfgs.tol_param, a.iter, a.save_iterations, s.refresh, s.interrupt, s.logger,
          init_writer, writer);
  }
  return 1;
}

}  // namespace embedded

#endif
