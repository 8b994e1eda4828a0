// SPDX-License-Identifier: BSD-3-Clause
/**
 * Log densities and gradients at many points in one call, beside the functions of BridgeStan.
 *
 * These take one point each. From Python a call costs as much as a small program's gradient, and
 * threads that call one after another wait for its lock.
 */
#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <thread>
#include <vector>

#include "bridgestan.h"

extern "C" {

/**
 * Evaluates the log density with all constants and the Jacobian, and its gradient where wanted.
 *
 * @param[in] m program and data
 * @param[in] n number of points
 * @param[in] threads how many may share the points, the calling one included; what comes out does
 *   not depend on it
 * @param[in] theta_unc unconstrained parameters, one point after another
 * @param[out] lp one number a point; NaN where the program rejects it
 * @param[out] gradient one after another, as the points; NaN where the program rejects; may be null
 */
BS_PUBLIC void latentbench_log_densities(const bs_model* m, size_t n, int threads,
                                         const double* theta_unc, double* lp, double* gradient) {
  const auto dim = static_cast<size_t>(bs_param_unc_num(m));
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i; (i = next++) < n;) {
      const double* point = theta_unc + i * dim;
      double* slope = gradient ? gradient + i * dim : nullptr;
      const int failure =
          slope ? bs_log_density_gradient(m, false, true, point, lp + i, slope, nullptr)
                : bs_log_density(m, false, true, point, lp + i, nullptr);
      if (failure) {
        lp[i] = std::numeric_limits<double>::quiet_NaN();
        if (slope) std::fill_n(slope, dim, lp[i]);
      }
    }
  };
  std::vector<std::thread> others;
  try {
    others.reserve(std::max(threads, 1));
    while (static_cast<int>(others.size()) + 1 < threads && others.size() + 1 < n) {
      others.emplace_back(work);
    }
  } catch (const std::exception&) {  // no memory or thread is left: those that run do it all
  }
  work();
  for (auto& other : others) other.join();
}

}  // extern "C"
