#ifndef EMBEDDED_CMDSTAN_PARAMETERS_HPP
#define EMBEDDED_CMDSTAN_PARAMETERS_HPP

#include <Eigen/Dense>
#include <stan/model/model_base.hpp>
#include <string>
#include <vector>

/// Parameter values that the user hands over in files. Everything here throws
/// std::invalid_argument where a file does not fit the model.
namespace embedded {

/// Names of the constrained parameters, such as "mu.1"; throws where there are none.
std::vector<std::string> constrained_names(const stan::model::model_base& model);

/// Constrained parameters from a CSV file that Stan wrote: one row a draw.
Eigen::MatrixXd read_draws(const std::string& path, const stan::model::model_base& model);

/// Unconstrained points from JSON: `params_r`, one vector or an array of vectors.
std::vector<std::vector<double>> read_unconstrained(const std::string& path,
                                                    const stan::model::model_base& model);

/// One unconstrained point from the constrained variables in a JSON file.
std::vector<double> unconstrain_variables(const std::string& path,
                                          const stan::model::model_base& model);

/// Each row of constrained parameters, unconstrained.
std::vector<std::vector<double>> unconstrain_draws(const Eigen::MatrixXd& draws,
                                                   const stan::model::model_base& model);

/// The unconstrained mode, from a CSV file of `optimize` or a JSON file of variables.
Eigen::VectorXd read_mode(const std::string& path, const stan::model::model_base& model);

}  // namespace embedded

#endif
