// SPDX-License-Identifier: BSD-3-Clause
/**
 * The functions of bridgestan.h as BridgeStan's R package calls them, by R's `.C`.
 *
 * Such functions return nothing and take pointers alone: logical values, integers and seeds are
 * `int*`, strings `char**`, pointers eight raw bytes. Their arguments are those of the function of
 * the same name, then where its result goes, then where its message goes, twice: R copies the
 * string at `err_msg`, and hands what is at `err_ptr` back to bs_free_error_msg_R(). Without a
 * message both are left as they were.
 */
#include "bridgestan.h"

namespace {

/** Calls a function that may set a message, and returns what it returns. */
template <typename Call>
auto with_message(char** err_msg, void** err_ptr, Call&& call) {
  char* message = nullptr;
  const auto result = call(&message);
  if (message) {
    *err_msg = message;
    *err_ptr = message;
  }
  return result;
}

}  // namespace

extern "C" {

BS_PUBLIC void bs_version_R(int* major, int* minor, int* patch) {
  *major = bs_major_version;
  *minor = bs_minor_version;
  *patch = bs_patch_version;
}

BS_PUBLIC void bs_model_construct_R(char** data, int* seed, bs_model** model, char** err_msg,
                                    void** err_ptr) {
  *model = with_message(err_msg, err_ptr, [&](char** message) {
    return bs_model_construct(*data, static_cast<unsigned int>(*seed), message);
  });
}

BS_PUBLIC void bs_model_destruct_R(bs_model** model) { bs_model_destruct(*model); }

BS_PUBLIC void bs_free_error_msg_R(void** err_ptr) {
  bs_free_error_msg(static_cast<char*>(*err_ptr));
}

BS_PUBLIC void bs_name_R(bs_model** model, const char** name) { *name = bs_name(*model); }

BS_PUBLIC void bs_model_info_R(bs_model** model, const char** info) {
  *info = bs_model_info(*model);
}

BS_PUBLIC void bs_param_names_R(bs_model** model, int* include_tp, int* include_gq,
                                const char** names) {
  *names = bs_param_names(*model, *include_tp, *include_gq);
}

BS_PUBLIC void bs_param_unc_names_R(bs_model** model, const char** names) {
  *names = bs_param_unc_names(*model);
}

BS_PUBLIC void bs_param_num_R(bs_model** model, int* include_tp, int* include_gq, int* num) {
  *num = bs_param_num(*model, *include_tp, *include_gq);
}

BS_PUBLIC void bs_param_unc_num_R(bs_model** model, int* num) { *num = bs_param_unc_num(*model); }

BS_PUBLIC void bs_param_constrain_R(bs_model** model, int* include_tp, int* include_gq,
                                    const double* theta_unc, double* theta, bs_rng** rng,
                                    int* return_code, char** err_msg, void** err_ptr) {
  // Without generated quantities R passes an integer, of which a pointer cannot be read.
  bs_rng* const used = *include_gq ? *rng : nullptr;
  *return_code = with_message(err_msg, err_ptr, [&](char** message) {
    return bs_param_constrain(*model, *include_tp, *include_gq, theta_unc, theta, used, message);
  });
}

BS_PUBLIC void bs_param_unconstrain_R(bs_model** model, const double* theta, double* theta_unc,
                                      int* return_code, char** err_msg, void** err_ptr) {
  *return_code = with_message(err_msg, err_ptr, [&](char** message) {
    return bs_param_unconstrain(*model, theta, theta_unc, message);
  });
}

BS_PUBLIC void bs_param_unconstrain_json_R(bs_model** model, const char** json, double* theta_unc,
                                           int* return_code, char** err_msg, void** err_ptr) {
  *return_code = with_message(err_msg, err_ptr, [&](char** message) {
    return bs_param_unconstrain_json(*model, *json, theta_unc, message);
  });
}

BS_PUBLIC void bs_param_initialize_R(bs_model** model, const char** json, bs_rng** rng,
                                     double* init_radius, int* max_tries, int* jacobian,
                                     double* theta_unc, int* return_code, char** err_msg,
                                     void** err_ptr) {
  *return_code = with_message(err_msg, err_ptr, [&](char** message) {
    return bs_param_initialize(*model, *json, *rng, *init_radius, *max_tries, *jacobian, theta_unc,
                               message);
  });
}

BS_PUBLIC void bs_log_density_R(bs_model** model, int* propto, int* jacobian,
                                const double* theta_unc, double* lp, int* return_code,
                                char** err_msg, void** err_ptr) {
  *return_code = with_message(err_msg, err_ptr, [&](char** message) {
    return bs_log_density(*model, *propto, *jacobian, theta_unc, lp, message);
  });
}

BS_PUBLIC void bs_log_density_gradient_R(bs_model** model, int* propto, int* jacobian,
                                         const double* theta_unc, double* lp, double* gradient,
                                         int* return_code, char** err_msg, void** err_ptr) {
  *return_code = with_message(err_msg, err_ptr, [&](char** message) {
    return bs_log_density_gradient(*model, *propto, *jacobian, theta_unc, lp, gradient, message);
  });
}

BS_PUBLIC void bs_log_density_hessian_R(bs_model** model, int* propto, int* jacobian,
                                        const double* theta_unc, double* lp, double* gradient,
                                        double* hessian, int* return_code, char** err_msg,
                                        void** err_ptr) {
  *return_code = with_message(err_msg, err_ptr, [&](char** message) {
    return bs_log_density_hessian(*model, *propto, *jacobian, theta_unc, lp, gradient, hessian,
                                  message);
  });
}

BS_PUBLIC void bs_log_density_hessian_vector_product_R(bs_model** model, int* propto, int* jacobian,
                                                       const double* theta_unc, const double* v,
                                                       double* lp, double* product,
                                                       int* return_code, char** err_msg,
                                                       void** err_ptr) {
  *return_code = with_message(err_msg, err_ptr, [&](char** message) {
    return bs_log_density_hessian_vector_product(*model, *propto, *jacobian, theta_unc, v, lp,
                                                 product, message);
  });
}

BS_PUBLIC void bs_rng_construct_R(int* seed, bs_rng** rng, char** err_msg, void** err_ptr) {
  *rng = with_message(err_msg, err_ptr, [&](char** message) {
    return bs_rng_construct(static_cast<unsigned int>(*seed), message);
  });
}

BS_PUBLIC void bs_rng_destruct_R(bs_rng** rng) { bs_rng_destruct(*rng); }

}  // extern "C"
