#ifndef EMBEDDED_CMDSTAN_VARIATIONAL_HPP
#define EMBEDDED_CMDSTAN_VARIATIONAL_HPP

#include <stan/services/experimental/advi/fullrank.hpp>
#include <stan/services/experimental/advi/meanfield.hpp>

#include "session.hpp"

namespace embedded {

inline int run_variational(Session& s) {
  namespace services = stan::services::experimental::advi;
  const auto& a = s.config.variational;
  const auto run = [&](auto service) {
    return service(s.model, *s.inits[0], s.seed, s.id, s.init_radius, a.grad_samples,
                   a.elbo_samples, a.iter, a.tol_rel_obj, a.eta, a.adapt_engaged, a.adapt_iter,
                   a.eval_elbo, a.output_samples, s.interrupt, s.logger, s.init_writers[0],
                   s.samples[0], s.diagnostics[0]);
  };
  using Model = stan::model::model_base;
  return a.algorithm == VariationalAlgorithm::fullrank ? run(services::fullrank<Model>)
                                                       : run(services::meanfield<Model>);
}

}  // namespace embedded

#endif
