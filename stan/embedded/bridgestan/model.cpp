// SPDX-License-Identifier: BSD-3-Clause
#include "model.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <stan/io/chained_var_context.hpp>
#include <stan/io/empty_var_context.hpp>
#include <stan/io/json/json_data.hpp>
#include <stan/io/random_var_context.hpp>
#include <stan/math/version.hpp>
#include <stan/version.hpp>
#include <stdexcept>
#include <vector>

/** Defined by the C++ code that stanc generates. */
stan::model::model_base& new_model(stan::io::var_context& data, unsigned int seed,
                                   std::ostream* messages);

namespace {

using Context = std::unique_ptr<stan::io::var_context>;

Context parse_json(std::istream& text) { return std::make_unique<stan::json::json_data>(text); }

bool is_absent(const char* text) { return text == nullptr || *text == '\0'; }

Context read_json_text(const char* json) {
  if (is_absent(json)) return std::make_unique<stan::io::empty_var_context>();
  std::istringstream text(json);
  return parse_json(text);
}

Context read_data(const char* data) {
  const std::string suffix = ".json";
  const std::string path = is_absent(data) ? "" : data;
  if (path.size() < suffix.size() ||
      path.compare(path.size() - suffix.size(), suffix.size(), suffix) != 0) {
    return read_json_text(data);
  }
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read data file '" + path + "'");
  return parse_json(file);
}

std::string join(const std::vector<std::string>& names) {
  std::string joined;
  for (const auto& name : names) {
    if (!joined.empty()) joined += ',';
    joined += name;
  }
  return joined;
}

std::string describe(const stan::model::model_base& model) {
  std::ostringstream info;
  info << "BridgeStan version: " << bs_major_version << '.' << bs_minor_version << '.'
       << bs_patch_version << " (interface; embedded in latentbench)\n"
       << "Stan version: " << stan::MAJOR_VERSION << '.' << stan::MINOR_VERSION << '.'
       << stan::PATCH_VERSION << "\nStan C++ Defines:\n";
  const auto line = [&](const char* name, bool defined) {
    info << '\t' << name << '=' << (defined ? "true" : "false") << '\n';
  };
  bool threads = false, mpi = false, opencl = false, no_range_checks = false;
#ifdef STAN_THREADS
  threads = true;
#endif
#ifdef STAN_MPI
  mpi = true;
#endif
#ifdef STAN_OPENCL
  opencl = true;
#endif
#ifdef STAN_NO_RANGE_CHECKS
  no_range_checks = true;
#endif
  line("STAN_THREADS", threads);
  line("STAN_MPI", mpi);
  line("STAN_OPENCL", opencl);
  line("STAN_NO_RANGE_CHECKS", no_range_checks);
  line("BRIDGESTAN_AD_HESSIAN", false);
  info << "Stan Compiler Details:\n";
  for (const auto& detail : model.model_compile_info()) info << '\t' << detail << '\n';
  return info.str();
}

}  // namespace

bs_model::bs_model(const char* data, unsigned int seed) {
  const Context context = read_data(data);
  model_.reset(&new_model(*context, seed, latentbench::messages()));
  name_ = model_->model_name();
  info_ = describe(*model_);

  std::vector<std::string> names;
  model_->unconstrained_param_names(names, false, false);
  param_unc_names_ = join(names);
  param_unc_num_ = static_cast<int>(names.size());
  for (const bool include_tp : {false, true}) {
    for (const bool include_gq : {false, true}) {
      names.clear();
      model_->constrained_param_names(names, include_tp, include_gq);
      params_[include_tp][include_gq] = {join(names), static_cast<int>(names.size())};
    }
  }
}

Eigen::VectorXd bs_model::constrain(const double* theta_unc, bool include_tp, bool include_gq,
                                    bs_rng* rng) const {
  if (include_gq && rng == nullptr) {
    throw std::invalid_argument("generated quantities need a random number generator, got none");
  }
  // Stan's signature asks for a generator where nothing is drawn, too.
  static thread_local bs_rng unused(0);
  Eigen::VectorXd theta, unconstrained_theta = unconstrained(theta_unc);
  model_->write_array(rng ? rng->state : unused.state, unconstrained_theta, theta, include_tp,
                      include_gq, latentbench::messages());
  return theta;
}

Eigen::VectorXd bs_model::unconstrain(const double* theta) const {
  const Eigen::VectorXd constrained = Eigen::VectorXd::Map(theta, param_num(false, false));
  Eigen::VectorXd theta_unc;
  model_->unconstrain_array(constrained, theta_unc, latentbench::messages());
  return theta_unc;
}

Eigen::VectorXd bs_model::unconstrain_json(const char* json) const {
  Eigen::VectorXd theta_unc;
  model_->transform_inits(*read_json_text(json), theta_unc, latentbench::messages());
  return theta_unc;
}

Eigen::VectorXd bs_model::initialize(const char* json, bs_rng* rng, double init_radius,
                                     int max_tries, bool jacobian) const {
  if (rng == nullptr) throw std::invalid_argument("a random number generator is needed, got none");
  if (!(init_radius >= 0) || std::isinf(init_radius)) {
    throw std::invalid_argument("init_radius must be finite and not negative, got " +
                                std::to_string(init_radius));
  }
  if (max_tries < 1) {
    throw std::invalid_argument("max_tries must be at least 1, got " + std::to_string(max_tries));
  }
  const Context given = read_json_text(json);
  std::vector<std::string> names;
  model_->get_param_names(names, false, false);
  const auto is_given = [&](const std::string& name) { return given->contains_r(name); };
  const bool any_given = std::any_of(names.begin(), names.end(), is_given);
  const bool all_given = std::all_of(names.begin(), names.end(), is_given);
  const int tries = all_given || init_radius == 0 ? 1 : max_tries;
  const latentbench::LogDensity density = log_density(false, jacobian);

  std::string reason;
  for (int i = 0; i < tries; ++i) {
    try {
      stan::io::random_var_context random(*model_, rng->state, init_radius, init_radius == 0);
      Eigen::VectorXd theta_unc, gradient;
      if (any_given) {
        const stan::io::chained_var_context context(*given, random);
        model_->transform_inits(context, theta_unc, latentbench::messages());
      } else {
        const std::vector<double> values = random.get_unconstrained();
        theta_unc = unconstrained(values.data());
      }
      const double lp = density.gradient(theta_unc, gradient);
      if (std::isfinite(lp) && gradient.allFinite()) return theta_unc;
      reason = std::isfinite(lp) ? "the gradient is not finite" : "the log density is not finite";
    } catch (const std::domain_error& e) {  // the point was rejected; all else is final
      reason = e.what();
    }
  }
  throw std::domain_error("no starting point in " + std::to_string(tries) +
                          " tries; at the last, " + reason);
}
