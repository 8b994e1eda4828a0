#ifndef EMBEDDED_COMMON_LEAN_MODEL_HEADER_HPP
#define EMBEDDED_COMMON_LEAN_MODEL_HEADER_HPP

// What stanc's code includes, without the functions that few programs call. A file of its own,
// since GCC takes a precompiled header for the very first include only.
// clang-format off: must come first
#include "rare_functions.hpp"
// clang-format on

#include <stan/model/model_header.hpp>

#endif
