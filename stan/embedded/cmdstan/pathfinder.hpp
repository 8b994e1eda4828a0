#ifndef EMBEDDED_CMDSTAN_PATHFINDER_HPP
#define EMBEDDED_CMDSTAN_PATHFINDER_HPP

#include <stan/services/pathfinder/multi.hpp>
#include <stan/services/pathfinder/single.hpp>
#include <stdexcept>

#include "session.hpp"

namespace embedded {

inline int run_pathfinder(Session& s) {
  namespace services = stan::services::pathfinder;
  using Model = stan::model::model_base;
  const auto& a = s.config.pathfinder;
  const auto& l = a.lbfgs;

  if (a.num_psis_draws > a.num_draws * a.num_paths)
    s.logger.warn(
        "Warning: Number of PSIS draws is larger than the total number of draws returned by the "
        "single Pathfinders. This is likely unintentional and leads to re-sampling from the same "
        "draws.");
  if (s.model.num_params_r() == 0)
    throw std::invalid_argument("Model has 0 parameters, cannot run Pathfinder.");

  if (a.num_paths == 1)
    return services::pathfinder_lbfgs_single<false, Model>(
        s.model, *s.inits[0], s.seed, s.id, s.init_radius, l.history_size, l.init_alpha, l.tol_obj,
        l.tol_rel_obj, l.tol_grad, l.tol_rel_grad, l.tol_param, a.max_lbfgs_iters, a.num_elbo_draws,
        a.num_draws, s.save_single_paths, s.refresh, s.interrupt, s.logger, s.init_writers[0],
        s.samples[0], s.structured_diagnostics[0], a.calculate_lp);

  JsonWriter no_diagnostics(nullptr);
  return services::pathfinder_lbfgs_multi<Model>(
      s.model, s.inits, s.seed, s.id, s.init_radius, l.history_size, l.init_alpha, l.tol_obj,
      l.tol_rel_obj, l.tol_grad, l.tol_rel_grad, l.tol_param, a.max_lbfgs_iters, a.num_elbo_draws,
      a.num_draws, a.num_psis_draws, a.num_paths, s.save_single_paths, s.refresh, s.interrupt,
      s.logger, s.init_writers, s.samples, s.structured_diagnostics, *s.all_paths, no_diagnostics,
      a.calculate_lp, a.psis_resample);
}

}  // namespace embedded

#endif
