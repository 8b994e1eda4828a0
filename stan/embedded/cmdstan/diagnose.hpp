#ifndef EMBEDDED_CMDSTAN_DIAGNOSE_HPP
#define EMBEDDED_CMDSTAN_DIAGNOSE_HPP

#include <stan/services/diagnose/diagnose.hpp>

#include "session.hpp"

namespace embedded {

/// Returns the number of gradients that differ from finite differences.
inline int run_diagnose(Session& s) {
  const auto& a = s.config.diagnose;
  return stan::services::diagnose::diagnose(s.model, *s.inits[0], s.seed, s.id, s.init_radius,
                                            a.epsilon, a.error, s.interrupt, s.logger,
                                            s.init_writers[0], s.samples[0]);
}

}  // namespace embedded

#endif
