#ifndef EMBEDDED_CMDSTAN_METHODS_HPP
#define EMBEDDED_CMDSTAN_METHODS_HPP

#include <memory>

#include "arguments.hpp"
#include "config.hpp"

namespace embedded {

/// The argument `method` with every method and its own arguments, bound to `config`.
std::unique_ptr<Choice> method_argument(Config& config);

}  // namespace embedded

#endif
