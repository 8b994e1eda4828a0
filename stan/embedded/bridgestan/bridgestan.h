/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * The C ABI of BridgeStan 2.x over one compiled Stan program.
 *
 * Written from the calls that the Python package `bridgestan` binds, so that the package loads a
 * library built here as it loads its own. Rules that hold throughout:
 *
 * - Functions that return `int` return 0, or -1 on failure. A failure sets `*error_msg`, unless
 *   `error_msg` is null, to a message that the caller owns and hands back to bs_free_error_msg();
 *   output arrays are then left as they were. On success `*error_msg` is not touched.
 * - Arrays belong to the caller and have the lengths given by bs_param_num() (constrained) and
 *   bs_param_unc_num() (unconstrained). Strings returned as `const char*` belong to the model.
 * - A model may be used from several threads at once; a bs_rng from one at a time.
 */
#ifndef LATENTBENCH_BRIDGESTAN_H
#define LATENTBENCH_BRIDGESTAN_H

#ifdef __cplusplus
#include <cstddef>
extern "C" {
using std::size_t;
#else
#include <stdbool.h>
#include <stddef.h>
#endif

#define BS_PUBLIC __attribute__((visibility("default")))

/** A Stan program together with its data. */
typedef struct bs_model bs_model;

/** The state of a pseudorandom number generator. */
typedef struct bs_rng bs_rng;

/** Receives text that a Stan program prints; `text` is not terminated by a null. */
typedef void (*bs_print_callback)(const char* text, size_t size);

/** The version of the BridgeStan interface that this library implements. */
extern BS_PUBLIC const int bs_major_version;
extern BS_PUBLIC const int bs_minor_version;
extern BS_PUBLIC const int bs_patch_version;

/**
 * Reads data and constructs the model, running its transformed data block.
 *
 * @param[in] data null or empty for no data, a path that ends in ".json", or JSON text itself
 * @param[in] seed seed of the random numbers of the transformed data block
 * @return the model, to be freed by bs_model_destruct(), or null on failure
 */
BS_PUBLIC bs_model* bs_model_construct(const char* data, unsigned int seed, char** error_msg);

/** Frees a model; null is allowed. */
BS_PUBLIC void bs_model_destruct(bs_model* m);

/** Frees a message set by another function; null is allowed. */
BS_PUBLIC void bs_free_error_msg(char* error_msg);

/** Returns the name of the model's class, such as "mixture_model". */
BS_PUBLIC const char* bs_name(const bs_model* m);

/** Returns versions, Stan's compile-time switches and the flags of stanc, one a line. */
BS_PUBLIC const char* bs_model_info(const bs_model* m);

/**
 * Returns the names of the scalar parameters, separated by commas, in the order of
 * bs_param_constrain(). Indices start at 1 and follow periods: "a", "b.3", "A.2.1"; members of
 * tuples follow colons.
 */
BS_PUBLIC const char* bs_param_names(const bs_model* m, bool include_tp, bool include_gq);

/** Returns the names of the unconstrained scalar parameters, separated by commas. */
BS_PUBLIC const char* bs_param_unc_names(const bs_model* m);

/** Returns the number of scalar parameters, with transformed parameters and generated quantities if
 * asked. */
BS_PUBLIC int bs_param_num(const bs_model* m, bool include_tp, bool include_gq);

/** Returns the number of unconstrained scalar parameters. */
BS_PUBLIC int bs_param_unc_num(const bs_model* m);

/**
 * Maps unconstrained to constrained parameters.
 *
 * @param[in] theta_unc unconstrained parameters
 * @param[out] theta constrained parameters, transformed parameters, generated quantities, as asked
 * @param[in,out] rng random numbers of the generated quantities; may be null without them
 */
BS_PUBLIC int bs_param_constrain(const bs_model* m, bool include_tp, bool include_gq,
                                 const double* theta_unc, double* theta, bs_rng* rng,
                                 char** error_msg);

/** Maps constrained parameters, without transformed ones, to unconstrained ones. */
BS_PUBLIC int bs_param_unconstrain(const bs_model* m, const double* theta, double* theta_unc,
                                   char** error_msg);

/** Maps constrained parameters given as a JSON object by name to unconstrained ones. */
BS_PUBLIC int bs_param_unconstrain_json(const bs_model* m, const char* json, double* theta_unc,
                                        char** error_msg);

/**
 * Finds a point from which a sampler can start: finite log density, finite gradient.
 *
 * Parameters that the JSON object leaves out are uniform on [-init_radius, init_radius) in
 * unconstrained space, drawn as CmdStan draws them. One attempt is made where nothing is random.
 *
 * @param[in] json some or all constrained parameters by name; null or empty for none
 * @param[in,out] rng source of the random values
 * @param[in] init_radius 0 or more, finite
 * @param[in] max_tries 1 or more
 * @param[in] jacobian whether the log density includes the change-of-variables terms
 */
BS_PUBLIC int bs_param_initialize(const bs_model* m, const char* json, bs_rng* rng,
                                  double init_radius, int max_tries, bool jacobian,
                                  double* theta_unc, char** error_msg);

/**
 * Computes the log density.
 *
 * @param[in] propto whether terms that do not depend on parameters are dropped
 * @param[in] jacobian whether the change-of-variables terms are included
 */
BS_PUBLIC int bs_log_density(const bs_model* m, bool propto, bool jacobian, const double* theta_unc,
                             double* lp, char** error_msg);

/** Computes the log density and, by reverse-mode automatic differentiation, its gradient. */
BS_PUBLIC int bs_log_density_gradient(const bs_model* m, bool propto, bool jacobian,
                                      const double* theta_unc, double* lp, double* gradient,
                                      char** error_msg);

/**
 * Computes log density, gradient and the Hessian, a symmetric matrix of bs_param_unc_num() squared
 * values.
 *
 * The Hessian is by central finite differences of gradients, as BridgeStan's is unless told
 * otherwise.
 */
BS_PUBLIC int bs_log_density_hessian(const bs_model* m, bool propto, bool jacobian,
                                     const double* theta_unc, double* lp, double* gradient,
                                     double* hessian, char** error_msg);

/** Computes log density and the product of its Hessian with `v`, by the same means as the Hessian.
 */
BS_PUBLIC int bs_log_density_hessian_vector_product(const bs_model* m, bool propto, bool jacobian,
                                                    const double* theta_unc, const double* v,
                                                    double* lp, double* product, char** error_msg);

/** Constructs a generator, to be freed by bs_rng_destruct(); null on failure. */
BS_PUBLIC bs_rng* bs_rng_construct(unsigned int seed, char** error_msg);

/** Frees a generator; null is allowed. */
BS_PUBLIC void bs_rng_destruct(bs_rng* rng);

/**
 * Sends what all models of this library print to a function; null sends it to standard output
 * again. Calls are serialised, whichever threads print.
 */
BS_PUBLIC int bs_set_print_callback(bs_print_callback callback, char** error_msg);

#ifdef __cplusplus
}
#endif

#endif
