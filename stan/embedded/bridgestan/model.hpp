// SPDX-License-Identifier: BSD-3-Clause
#ifndef LATENTBENCH_BRIDGESTAN_MODEL_HPP
#define LATENTBENCH_BRIDGESTAN_MODEL_HPP

#include <array>
#include <memory>
#include <stan/model/model_base.hpp>
#include <stan/services/util/create_rng.hpp>
#include <string>

#include "bridgestan.h"
#include "density.hpp"

struct bs_rng {
  // CmdStan's chain ids start at 1, so id 0 shares no stream with a chain of the same seed.
  explicit bs_rng(unsigned int seed) : state(stan::services::util::create_rng(seed, 0)) {}

  stan::rng_t state;
};

struct bs_model {
 public:
  bs_model(const char* data, unsigned int seed);

  const std::string& name() const { return name_; }
  const std::string& info() const { return info_; }
  const std::string& param_unc_names() const { return param_unc_names_; }
  const std::string& param_names(bool include_tp, bool include_gq) const {
    return params_[include_tp][include_gq].names;
  }
  int param_unc_num() const { return param_unc_num_; }
  int param_num(bool include_tp, bool include_gq) const {
    return params_[include_tp][include_gq].size;
  }

  Eigen::VectorXd constrain(const double* theta_unc, bool include_tp, bool include_gq,
                            bs_rng* rng) const;
  Eigen::VectorXd unconstrain(const double* theta) const;
  Eigen::VectorXd unconstrain_json(const char* json) const;
  Eigen::VectorXd initialize(const char* json, bs_rng* rng, double init_radius, int max_tries,
                             bool jacobian) const;

  latentbench::LogDensity log_density(bool propto, bool jacobian) const {
    return {*model_, propto, jacobian};
  }

  /** Copies a caller's array of unconstrained parameters. */
  Eigen::VectorXd unconstrained(const double* values) const {
    return Eigen::VectorXd::Map(values, param_unc_num_);
  }

 private:
  struct Names {
    std::string names;
    int size;
  };

  std::unique_ptr<stan::model::model_base> model_;
  std::string name_;
  std::string info_;
  std::string param_unc_names_;
  int param_unc_num_;
  std::array<std::array<Names, 2>, 2> params_;  // by include_tp, include_gq
};

#endif
