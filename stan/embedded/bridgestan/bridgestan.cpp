// SPDX-License-Identifier: BSD-3-Clause
#include "bridgestan.h"

#include <cstdlib>

#include "guard.hpp"
#include "messages.hpp"
#include "model.hpp"

// The build defines the version of the installed Python package: it compares the two and warns if
// they differ.
#ifndef BRIDGESTAN_VERSION
#define BRIDGESTAN_VERSION 2, 9, 0
#endif

namespace {

using latentbench::guarded;

constexpr int version[] = {BRIDGESTAN_VERSION};

void copy(const Eigen::VectorXd& from, double* to) { Eigen::VectorXd::Map(to, from.size()) = from; }

}  // namespace

extern "C" {

const int bs_major_version = version[0];
const int bs_minor_version = version[1];
const int bs_patch_version = version[2];

bs_model* bs_model_construct(const char* data, unsigned int seed, char** error_msg) {
  return guarded<bs_model*>("bs_model_construct", error_msg, nullptr,
                            [&] { return new bs_model(data, seed); });
}

void bs_model_destruct(bs_model* m) { delete m; }

void bs_free_error_msg(char* error_msg) { std::free(error_msg); }

const char* bs_name(const bs_model* m) { return m->name().c_str(); }

const char* bs_model_info(const bs_model* m) { return m->info().c_str(); }

const char* bs_param_names(const bs_model* m, bool include_tp, bool include_gq) {
  return m->param_names(include_tp, include_gq).c_str();
}

const char* bs_param_unc_names(const bs_model* m) { return m->param_unc_names().c_str(); }

int bs_param_num(const bs_model* m, bool include_tp, bool include_gq) {
  return m->param_num(include_tp, include_gq);
}

int bs_param_unc_num(const bs_model* m) { return m->param_unc_num(); }

int bs_param_constrain(const bs_model* m, bool include_tp, bool include_gq, const double* theta_unc,
                       double* theta, bs_rng* rng, char** error_msg) {
  return guarded("bs_param_constrain", error_msg, -1, [&] {
    copy(m->constrain(theta_unc, include_tp, include_gq, rng), theta);
    return 0;
  });
}

int bs_param_unconstrain(const bs_model* m, const double* theta, double* theta_unc,
                         char** error_msg) {
  return guarded("bs_param_unconstrain", error_msg, -1, [&] {
    copy(m->unconstrain(theta), theta_unc);
    return 0;
  });
}

int bs_param_unconstrain_json(const bs_model* m, const char* json, double* theta_unc,
                              char** error_msg) {
  return guarded("bs_param_unconstrain_json", error_msg, -1, [&] {
    copy(m->unconstrain_json(json), theta_unc);
    return 0;
  });
}

int bs_param_initialize(const bs_model* m, const char* json, bs_rng* rng, double init_radius,
                        int max_tries, bool jacobian, double* theta_unc, char** error_msg) {
  return guarded("bs_param_initialize", error_msg, -1, [&] {
    copy(m->initialize(json, rng, init_radius, max_tries, jacobian), theta_unc);
    return 0;
  });
}

int bs_log_density(const bs_model* m, bool propto, bool jacobian, const double* theta_unc,
                   double* lp, char** error_msg) {
  return guarded("bs_log_density", error_msg, -1, [&] {
    *lp = m->log_density(propto, jacobian).value(m->unconstrained(theta_unc));
    return 0;
  });
}

int bs_log_density_gradient(const bs_model* m, bool propto, bool jacobian, const double* theta_unc,
                            double* lp, double* gradient, char** error_msg) {
  return guarded("bs_log_density_gradient", error_msg, -1, [&] {
    Eigen::VectorXd gradient_vector;
    *lp = m->log_density(propto, jacobian).gradient(m->unconstrained(theta_unc), gradient_vector);
    copy(gradient_vector, gradient);
    return 0;
  });
}

int bs_log_density_hessian(const bs_model* m, bool propto, bool jacobian, const double* theta_unc,
                           double* lp, double* gradient, double* hessian, char** error_msg) {
  return guarded("bs_log_density_hessian", error_msg, -1, [&] {
    Eigen::VectorXd gradient_vector;
    Eigen::MatrixXd hessian_matrix;
    *lp = m->log_density(propto, jacobian)
              .hessian(m->unconstrained(theta_unc), gradient_vector, hessian_matrix);
    copy(gradient_vector, gradient);
    copy(hessian_matrix.reshaped(), hessian);
    return 0;
  });
}

int bs_log_density_hessian_vector_product(const bs_model* m, bool propto, bool jacobian,
                                          const double* theta_unc, const double* v, double* lp,
                                          double* product, char** error_msg) {
  return guarded("bs_log_density_hessian_vector_product", error_msg, -1, [&] {
    Eigen::VectorXd product_vector;
    *lp = m->log_density(propto, jacobian)
              .hessian_vector_product(m->unconstrained(theta_unc), m->unconstrained(v),
                                      product_vector);
    copy(product_vector, product);
    return 0;
  });
}

bs_rng* bs_rng_construct(unsigned int seed, char** error_msg) {
  return guarded<bs_rng*>("bs_rng_construct", error_msg, nullptr, [&] { return new bs_rng(seed); });
}

void bs_rng_destruct(bs_rng* rng) { delete rng; }

int bs_set_print_callback(bs_print_callback callback, char** error_msg) {
  return guarded("bs_set_print_callback", error_msg, -1, [&] {
    latentbench::message_buffer().set_callback(callback);
    return 0;
  });
}

}  // extern "C"
