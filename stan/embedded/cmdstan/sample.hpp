#ifndef EMBEDDED_CMDSTAN_SAMPLE_HPP
#define EMBEDDED_CMDSTAN_SAMPLE_HPP

#include <stan/services/sample/fixed_param.hpp>
#include <stan/services/sample/hmc_nuts_dense_e.hpp>
#include <stan/services/sample/hmc_nuts_dense_e_adapt.hpp>
#include <stan/services/sample/hmc_nuts_diag_e.hpp>
#include <stan/services/sample/hmc_nuts_diag_e_adapt.hpp>
#include <stan/services/sample/hmc_nuts_unit_e.hpp>
#include <stan/services/sample/hmc_nuts_unit_e_adapt.hpp>
#include <stan/services/sample/hmc_static_dense_e.hpp>
#include <stan/services/sample/hmc_static_dense_e_adapt.hpp>
#include <stan/services/sample/hmc_static_diag_e.hpp>
#include <stan/services/sample/hmc_static_diag_e_adapt.hpp>
#include <stan/services/sample/hmc_static_unit_e.hpp>
#include <stan/services/sample/hmc_static_unit_e_adapt.hpp>
#include <stan/services/util/create_unit_e_dense_inv_metric.hpp>
#include <stan/services/util/create_unit_e_diag_inv_metric.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "contexts.hpp"
#include "services.hpp"
#include "session.hpp"

namespace embedded {

namespace sampling {

namespace services = stan::services::sample;

/// An overloaded service as one value.
#define EMBEDDED_SERVICE(name)                                              \
  [](auto&&... arguments) {                                                 \
    return services::name(std::forward<decltype(arguments)>(arguments)...); \
  }

/// Calls a service with the arguments of all parts, each a tuple of references, in order.
template <typename Service, typename... Parts>
int call(Service service, const Parts&... parts) {
  return std::apply(service, std::tuple_cat(parts...));
}

/// The inverse metric that each chain starts from: from the user's file or files, else the
/// identity. A unit metric makes no use of it, but a file that cannot be read is refused all the
/// same.
inline std::vector<Context> initial_metrics(const Session& session) {
  const auto& arguments = session.config.sample;
  if (!arguments.metric_file.empty())
    return read_contexts(arguments.metric_file, session.num_chains, session.id);
  const auto size = session.model.num_params_r();
  const Context identity = std::make_shared<stan::io::array_var_context>(
      arguments.metric == HmcMetric::dense_e
          ? stan::services::util::create_unit_e_dense_inv_metric(size)
          : stan::services::util::create_unit_e_diag_inv_metric(size));
  return std::vector<Context>(session.num_chains, identity);
}

inline int nuts(Session& s) {
  const auto& a = s.config.sample;
  const auto& adapt = a.adapt;
  const auto chains = std::tie(s.model, s.num_chains, s.inits);
  const auto schedule =
      std::tie(s.seed, s.id, s.init_radius, a.num_warmup, a.num_samples, a.thin, a.save_warmup,
               s.refresh, a.stepsize, a.stepsize_jitter, a.max_depth);
  const auto step_size = std::tie(adapt.delta, adapt.gamma, adapt.kappa, adapt.t0);
  const auto windows = std::tie(adapt.init_buffer, adapt.term_buffer, adapt.window);
  const auto writers = std::tie(s.interrupt, s.logger, s.init_writers, s.samples, s.diagnostics);
  const auto metric_writers = std::tie(s.metrics);
  const auto initial = initial_metrics(s);
  const auto metrics = std::tie(initial);

  if (a.metric == HmcMetric::unit_e) {
    if (adapt.engaged)
      return call(EMBEDDED_SERVICE(hmc_nuts_unit_e_adapt), chains, schedule, step_size, writers,
                  metric_writers);
    return call(EMBEDDED_SERVICE(hmc_nuts_unit_e), chains, schedule, writers);
  }
  if (a.metric == HmcMetric::diag_e) {
    if (adapt.engaged)
      return call(EMBEDDED_SERVICE(hmc_nuts_diag_e_adapt), chains, metrics, schedule, step_size,
                  windows, writers, metric_writers);
    return call(EMBEDDED_SERVICE(hmc_nuts_diag_e), chains, metrics, schedule, writers);
  }
  if (adapt.engaged)
    return call(EMBEDDED_SERVICE(hmc_nuts_dense_e_adapt), chains, metrics, schedule, step_size,
                windows, writers, metric_writers);
  return call(EMBEDDED_SERVICE(hmc_nuts_dense_e), chains, metrics, schedule, writers);
}

/// Static HMC runs one chain a process.
inline int static_time(Session& s) {
  const auto& a = s.config.sample;
  const auto& adapt = a.adapt;
  const auto chain = std::tie(s.model, *s.inits[0]);
  const auto schedule =
      std::tie(s.seed, s.id, s.init_radius, a.num_warmup, a.num_samples, a.thin, a.save_warmup,
               s.refresh, a.stepsize, a.stepsize_jitter, a.int_time);
  const auto step_size = std::tie(adapt.delta, adapt.gamma, adapt.kappa, adapt.t0);
  const auto windows = std::tie(adapt.init_buffer, adapt.term_buffer, adapt.window);
  const auto writers =
      std::tie(s.interrupt, s.logger, s.init_writers[0], s.samples[0], s.diagnostics[0]);
  const auto initial = initial_metrics(s);
  const auto metric = std::tie(*initial[0]);

  if (a.metric == HmcMetric::unit_e) {
    if (adapt.engaged)
      return call(EMBEDDED_SERVICE(hmc_static_unit_e_adapt), chain, schedule, step_size, writers);
    return call(EMBEDDED_SERVICE(hmc_static_unit_e), chain, schedule, writers);
  }
  if (a.metric == HmcMetric::diag_e) {
    if (adapt.engaged)
      return call(EMBEDDED_SERVICE(hmc_static_diag_e_adapt), chain, metric, schedule, step_size,
                  windows, writers);
    return call(EMBEDDED_SERVICE(hmc_static_diag_e), chain, metric, schedule, writers);
  }
  if (adapt.engaged)
    return call(EMBEDDED_SERVICE(hmc_static_dense_e_adapt), chain, metric, schedule, step_size,
                windows, writers);
  return call(EMBEDDED_SERVICE(hmc_static_dense_e), chain, metric, schedule, writers);
}

inline int fixed_param(Session& s) {
  const auto& a = s.config.sample;
  return services::fixed_param(s.model, s.num_chains, s.inits, s.seed, s.id, s.init_radius,
                               a.num_samples, a.thin, s.refresh, s.interrupt, s.logger,
                               s.init_writers, s.samples, s.diagnostics);
}

#undef EMBEDDED_SERVICE

}  // namespace sampling

inline int run_sample(Session& session) {
  const auto& arguments = session.config.sample;
  if (arguments.algorithm == SampleAlgorithm::fixed_param) return sampling::fixed_param(session);
  if (arguments.adapt.engaged && arguments.num_warmup == 0)
    throw std::invalid_argument(
        "The number of warmup samples (num_warmup) must be greater than zero if adaptation is "
        "enabled.\n");
  if (session.model.num_params_r() == 0) {
    // CmdStanPy looks for these words.
    session.logger.info(
        "Model contains no parameters, running fixed_param sampler, no updates to Markov chain");
    return sampling::fixed_param(session);
  }
  return arguments.engine == HmcEngine::nuts ? sampling::nuts(session)
                                             : sampling::static_time(session);
}

}  // namespace embedded

#endif
