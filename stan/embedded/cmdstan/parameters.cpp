#include "parameters.hpp"

#include <cctype>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "contexts.hpp"
#include "files.hpp"

namespace embedded {

namespace {

std::vector<std::string> split_csv(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line);
  for (std::string cell; std::getline(stream, cell, ',');) {
    const auto first = cell.find_first_not_of(" \t\r");
    const auto last = cell.find_last_not_of(" \t\r");
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
  }
  return cells;
}

double read_number(const std::string& text, const std::string& where) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0')
    throw std::invalid_argument("Error parsing CSV file, bad value for " + where + "\n");
  return value;
}

/// Columns of the sampler or the optimizer, such as lp__, come before the parameters.
std::size_t first_parameter(const std::vector<std::string>& names) {
  std::size_t column = 0;
  while (column < names.size() && names[column].size() >= 2 &&
         names[column].compare(names[column].size() - 2, 2, "__") == 0)
    ++column;
  return column;
}

/// Runs a transformation to the unconstrained scale and explains its failure.
template <typename Transform>
std::vector<double> unconstrain(const stan::model::model_base& model, Transform transform) {
  std::vector<double> unconstrained(model.num_params_r());
  std::ostringstream messages;
  try {
    transform(unconstrained, messages);
  } catch (const std::exception& e) {
    std::string text =
        std::string(e.what()) + "\nBad or missing parameter values, cannot unconstrain.";
    if (!messages.str().empty()) text += "\n\t" + messages.str();
    throw std::invalid_argument(text + "\n");
  }
  return unconstrained;
}

std::vector<double> unconstrain_values(const std::vector<double>& constrained,
                                       const stan::model::model_base& model) {
  return unconstrain(model, [&](std::vector<double>& result, std::ostream& messages) {
    model.unconstrain_array(constrained, result, &messages);
  });
}

std::vector<double> read_mode_csv(const std::string& path, const stan::model::model_base& model) {
  std::vector<std::string> expected;
  model.constrained_param_names(expected, false, false);

  auto file = open_input(path);
  std::string line;
  bool optimized = false;
  while (file.peek() == '#') {
    std::getline(file, line);
    optimized |= line.find("method = optimize") != std::string::npos;
  }
  if (!optimized) throw std::invalid_argument("CSV file is not output from Stan optimization\n");
  std::getline(file, line);
  const auto names = split_csv(line);
  std::getline(file, line);
  const auto cells = split_csv(line);

  const auto first = first_parameter(names);
  if (names.size() != cells.size() || names.size() - first < expected.size())
    throw std::invalid_argument("CSV file is incomplete, expecting at least " +
                                std::to_string(expected.size() + 1) + " columns.\n");
  std::vector<double> values;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (names[first + i] != expected[i])
      throw std::invalid_argument("Mismatch between model params and StanCSV file \"" + path +
                                  "\",  expecting param \"" + expected[i] + "\", found \"" +
                                  names[first + i] + "\"\n");
    values.push_back(read_number(cells[first + i], expected[i]));
  }
  return unconstrain_values(values, model);
}

}  // namespace

std::vector<std::string> constrained_names(const stan::model::model_base& model) {
  std::vector<std::string> names;
  model.constrained_param_names(names, false, false);
  if (names.empty())
    throw std::invalid_argument("Model " + model.model_name() +
                                " has no parameters, nothing to estimate.\n");
  return names;
}

Eigen::MatrixXd read_draws(const std::string& path, const stan::model::model_base& model) {
  const auto expected = constrained_names(model);
  auto file = open_input(path);
  std::string line;
  while (file.peek() == '#') std::getline(file, line);
  if (!std::isalpha(file.peek()))
    throw std::invalid_argument("Error reading fitted param names from sample csv file \"" + path +
                                "\"\n");
  std::getline(file, line);
  const auto names = split_csv(line);
  const auto first = first_parameter(names);
  const auto mismatch = "Mismatch between model and fitted_parameters csv file \"" + path + "\"\n";
  if (names.size() < first + expected.size()) throw std::invalid_argument(mismatch);
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (names[first + i] != expected[i]) throw std::invalid_argument(mismatch);

  std::vector<double> values;  // row by row
  std::size_t rows = 0;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    const auto cells = split_csv(line);
    ++rows;
    if (cells.size() != names.size())
      throw std::invalid_argument("Error: expected " + std::to_string(names.size()) +
                                  " columns, but found " + std::to_string(cells.size()) +
                                  " instead for row " + std::to_string(rows) + " of \"" + path +
                                  "\"\n");
    for (std::size_t i = 0; i < expected.size(); ++i)
      values.push_back(read_number(cells[first + i], expected[i]));
  }
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const RowMajor>(values.data(), rows, expected.size());
}

std::vector<std::vector<double>> read_unconstrained(const std::string& path,
                                                    const stan::model::model_base& model) {
  const auto context = read_context(path);
  const auto values = context->vals_r("params_r");
  if (values.empty())
    throw std::invalid_argument(
        "Unconstrained parameters file has no variable 'params_r' with unconstrained parameter "
        "values!");
  const auto dims = context->dims_r("params_r");
  const std::size_t rows = dims.size() == 2 ? dims[0] : 1;
  const std::size_t columns = dims.size() == 2 ? dims[1] : dims[0];
  if (columns != model.num_params_r())
    throw std::invalid_argument(
        "Incorrect number of unconstrained parameters provided! Model has " +
        std::to_string(model.num_params_r()) + " parameters but " + std::to_string(columns) +
        " were found.");
  std::vector<std::vector<double>> points;
  for (std::size_t row = 0; row < rows; ++row)
    points.emplace_back(values.begin() + row * columns, values.begin() + (row + 1) * columns);
  return points;
}

std::vector<double> unconstrain_variables(const std::string& path,
                                          const stan::model::model_base& model) {
  const auto context = read_context(path);
  return unconstrain(model, [&](std::vector<double>& result, std::ostream& messages) {
    std::vector<int> no_integers;
    model.transform_inits(*context, no_integers, result, &messages);
  });
}

std::vector<std::vector<double>> unconstrain_draws(const Eigen::MatrixXd& draws,
                                                   const stan::model::model_base& model) {
  std::vector<std::vector<double>> points;
  for (Eigen::Index row = 0; row < draws.rows(); ++row) {
    std::vector<double> values(draws.cols());
    Eigen::Map<Eigen::RowVectorXd>(values.data(), draws.cols()) = draws.row(row);
    points.push_back(unconstrain_values(values, model));
  }
  return points;
}

Eigen::VectorXd read_mode(const std::string& path, const stan::model::model_base& model) {
  const auto suffix = file_suffix(path);
  if (suffix != ".csv" && suffix != ".json")
    throw std::invalid_argument("Mode file must be CSV or JSON, found " + path + "\n");
  const auto mode =
      suffix == ".csv" ? read_mode_csv(path, model) : unconstrain_variables(path, model);
  return Eigen::Map<const Eigen::VectorXd>(mode.data(), mode.size());
}

}  // namespace embedded
