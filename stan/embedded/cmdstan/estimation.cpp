// clang-format off: must come first
#include "lean_math.hpp"
// clang-format on

#include <stan/io/dump.hpp>

#include "contexts.hpp"
#include "diagnose.hpp"
#include "generate_quantities.hpp"
#include "laplace.hpp"
#include "log_prob.hpp"
#include "optimize.hpp"
#include "profile.hpp"
#include "services.hpp"
#include "variational.hpp"

namespace embedded {

int optimize(Session& session) {
  return session.config.optimize.jacobian ? run_optimize<true>(session)
                                          : run_optimize<false>(session);
}
int variational(Session& session) { return run_variational(session); }
int diagnose(Session& session) { return run_diagnose(session); }
int generate_quantities(Session& session) { return run_generate_quantities(session); }
int log_prob(Session& session) { return run_log_prob(session); }
int laplace(Session& session) { return run_laplace(session); }
void write_profile(const OutputArguments& output) { write_profile_file(output); }

Context read_r_dump(std::istream& stream) { return std::make_shared<stan::io::dump>(stream); }

}  // namespace embedded
