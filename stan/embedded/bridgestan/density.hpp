// SPDX-License-Identifier: BSD-3-Clause
#ifndef LATENTBENCH_BRIDGESTAN_DENSITY_HPP
#define LATENTBENCH_BRIDGESTAN_DENSITY_HPP

#include <cmath>
#include <limits>
#include <stan/math/rev/functor/finite_diff_hessian_auto.hpp>
#include <stan/math/rev/functor/gradient.hpp>
#include <stan/model/model_base.hpp>

#include "messages.hpp"

namespace latentbench {

/** The log density of a model as a function of the unconstrained parameters, and its derivatives.
 */
class LogDensity {
 public:
  LogDensity(const stan::model::model_base& model, bool propto, bool jacobian)
      : model_(model), propto_(propto), jacobian_(jacobian) {}

  /** Evaluates at parameters of type double, or of Stan's type for automatic differentiation. */
  template <typename T>
  T operator()(const Eigen::Matrix<T, Eigen::Dynamic, 1>& theta_unc) const {
    // The model takes its argument by mutable reference and does not change it.
    auto& theta = const_cast<Eigen::Matrix<T, Eigen::Dynamic, 1>&>(theta_unc);
    if (propto_) {
      return jacobian_ ? model_.log_prob_propto_jacobian(theta, messages())
                       : model_.log_prob_propto(theta, messages());
    }
    return jacobian_ ? model_.log_prob_jacobian(theta, messages())
                     : model_.log_prob(theta, messages());
  }

  double value(const Eigen::VectorXd& theta_unc) const {
    if (!propto_) return (*this)(theta_unc);
    // With doubles every term is a constant, and would be dropped.
    const stan::math::nested_rev_autodiff nested;
    const Eigen::Matrix<stan::math::var, Eigen::Dynamic, 1> theta(theta_unc);
    return (*this)(theta).val();
  }

  double gradient(const Eigen::VectorXd& theta_unc, Eigen::VectorXd& gradient) const {
    double lp;
    stan::math::gradient(*this, theta_unc, lp, gradient);
    return lp;
  }

  double hessian(const Eigen::VectorXd& theta_unc, Eigen::VectorXd& gradient,
                 Eigen::MatrixXd& hessian) const {
    double lp;
    stan::math::internal::finite_diff_hessian_auto(*this, theta_unc, lp, gradient, hessian);
    return lp;
  }

  double hessian_vector_product(const Eigen::VectorXd& theta_unc, const Eigen::VectorXd& v,
                                Eigen::VectorXd& product) const {
    const double lp = value(theta_unc);
    product.setZero(theta_unc.size());
    if (v.isZero(0)) return lp;
    // Step of Andrei (2009), https://doi.org/10.1016/j.cam.2008.12.024, as in Stan's own routine,
    // which is not used because it returns 0 for the log density where constants are dropped.
    const double step =
        std::sqrt(std::numeric_limits<double>::epsilon()) * (1 + theta_unc.norm()) / v.norm();
    Eigen::VectorXd forward, backward;
    gradient(theta_unc + step * v, forward);
    gradient(theta_unc - step * v, backward);
    product = (forward - backward) / (2 * step);
    return lp;
  }

 private:
  const stan::model::model_base& model_;
  const bool propto_;
  const bool jacobian_;
};

}  // namespace latentbench

#endif
