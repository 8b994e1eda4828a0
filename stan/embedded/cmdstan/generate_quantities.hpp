#ifndef EMBEDDED_CMDSTAN_GENERATE_QUANTITIES_HPP
#define EMBEDDED_CMDSTAN_GENERATE_QUANTITIES_HPP

#include <stan/callbacks/writer.hpp>
#include <stan/services/sample/standalone_gqs.hpp>
#include <stdexcept>
#include <vector>

#include "files.hpp"
#include "parameters.hpp"
#include "session.hpp"

namespace embedded {

/// With several chains Stan 2.35 writes the parameters' values before the generated ones, though
/// the header names these alone (stan-dev/stan#3403). Here the former are left out, as with one
/// chain.
class GeneratedOnly : public stan::callbacks::writer {
 public:
  GeneratedOnly(CsvWriter& file, std::size_t num_params) : file_(file), num_params_(num_params) {}

  using stan::callbacks::writer::operator();
  void operator()(const std::vector<std::string>& names) override { file_(names); }
  void operator()(const std::vector<double>& generated) override { file_(generated); }
  void operator()(const Eigen::Ref<Eigen::Matrix<double, -1, -1>>& all) override {
    const double* values = all.data();
    file_(std::vector<double>(values + num_params_, values + all.size()));
  }

 private:
  CsvWriter& file_;
  std::size_t num_params_;
};

inline int run_generate_quantities(Session& s) {
  const auto& file = s.config.generate_quantities.fitted_params;
  if (file.empty())
    throw std::invalid_argument(
        "Missing fitted_params argument, cannot run generate_quantities without fitted sample.");
  if (file_suffix(file) != ".csv")
    throw std::invalid_argument("Fitted params file must be a CSV file.");
  std::vector<Eigen::MatrixXd> draws;
  for (const auto& name : chain_files(file, "", ".csv", s.num_chains, s.id))
    draws.push_back(read_draws(name, s.model));
  std::vector<GeneratedOnly> writers;
  for (auto& samples : s.samples) writers.emplace_back(samples, constrained_names(s.model).size());
  return stan::services::standalone_generate(s.model, s.num_chains, draws, s.seed, s.interrupt,
                                             s.logger, writers);
}

}  // namespace embedded

#endif
