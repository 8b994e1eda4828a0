#ifndef EMBEDDED_CMDSTAN_NODES_HPP
#define EMBEDDED_CMDSTAN_NODES_HPP

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "arguments.hpp"

/// Short names for the parts of an argument tree, each with the values that it accepts.
namespace embedded {

using Node = std::unique_ptr<Argument>;

template <typename T>
Node value(const std::string& name, const std::string& description, T& field,
           const std::string& valid, std::function<bool(const T&)> contains) {
  return std::make_unique<Value<T>>(name, description, field,
                                    typename Value<T>::Range{valid, std::move(contains)});
}

template <typename T>
Node positive(const std::string& name, const std::string& description, T& field) {
  return value<T>(name, description, field, "0 < " + name, [](const T& v) { return v > 0; });
}

// CmdStan's words for counts and tolerances say "0 <", its tests let 0 pass.
inline Node not_negative(const std::string& name, const std::string& description, int& field) {
  return value<int>(name, description, field, "0 < " + name, [](const int& v) { return v >= 0; });
}

inline Node count(const std::string& name, const std::string& description, unsigned int& field) {
  return value<unsigned int>(name, description, field, "0 < " + name, nullptr);
}

inline Node flag(const std::string& name, const std::string& description, bool& field) {
  return value<bool>(name, description, field, "[0, 1, false, true]", nullptr);
}

inline Node tolerance(const std::string& name, const std::string& description, double& field) {
  return value<double>(name, description, field, "0 < " + name,
                       [](const double& v) { return v >= 0; });
}

inline Node between(const std::string& name, const std::string& description, double& field,
                    double lower, double upper) {
  return value<double>(name, description, field,
                       std::to_string(lower) + " <= " + name + " <= " + std::to_string(upper),
                       [lower, upper](const double& v) { return lower <= v && v <= upper; });
}

inline Node text(const std::string& name, const std::string& description, std::string& field) {
  return value<std::string>(name, description, field, "All", nullptr);
}

inline Node path(const std::string& name, const std::string& description, std::string& field) {
  return value<std::string>(name, description, field, "Path to existing file", nullptr);
}

inline Node word(const std::string& name, const std::string& description) {
  return std::make_unique<Word>(name, description);
}

inline std::unique_ptr<Group> group(const std::string& name, const std::string& description) {
  return std::make_unique<Group>(name, description);
}

template <typename Enum>
std::unique_ptr<Choice> choice(const std::string& name, const std::string& description,
                               Enum& field) {
  return std::make_unique<Choice>(name, description, static_cast<int>(field),
                                  [&field](int index) { field = static_cast<Enum>(index); });
}

}  // namespace embedded

#endif
