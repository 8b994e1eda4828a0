#ifndef EMBEDDED_CMDSTAN_PROFILE_HPP
#define EMBEDDED_CMDSTAN_PROFILE_HPP

#include <fstream>
#include <iomanip>
#include <iostream>
#include <stan/math/rev/core/profiling.hpp>

#include "config.hpp"

/// Defined by the model's object file: what its profile statements measured.
stan::math::profile_map& get_stan_profile_data();

namespace embedded {

/// Writes the profile file where the model has profile statements.
inline void write_profile_file(const OutputArguments& output) {
  const auto& profiles = get_stan_profile_data();
  if (profiles.empty()) return;
  std::ofstream file(output.profile_file);
  if (!file) {
    std::cerr << "Warning: can't write profile file \"" << output.profile_file << "\"" << std::endl;
    return;
  }
  if (output.sig_figs > -1) file << std::setprecision(output.sig_figs);
  file << "name,thread_id,total_time,forward_time,reverse_time,chain_stack,no_chain_stack,"
          "autodiff_calls,no_autodiff_calls\n";
  for (const auto& [where, profile] : profiles)
    file << where.first << "," << where.second << ","
         << profile.get_fwd_time() + profile.get_rev_time() << "," << profile.get_fwd_time() << ","
         << profile.get_rev_time() << "," << profile.get_chain_stack_used() << ","
         << profile.get_nochain_stack_used() << "," << profile.get_num_rev_passes() << ","
         << profile.get_num_no_AD_fwd_passes() << "\n";
}

}  // namespace embedded

#endif
