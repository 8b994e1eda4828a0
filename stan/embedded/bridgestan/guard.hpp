// SPDX-License-Identifier: BSD-3-Clause
#ifndef LATENTBENCH_BRIDGESTAN_GUARD_HPP
#define LATENTBENCH_BRIDGESTAN_GUARD_HPP

#include <cstring>
#include <exception>
#include <stan/math/rev/core.hpp>
#include <string>
#include <utility>

namespace latentbench {

/**
 * Gives the calling thread an autodiff tape: Stan makes those of the threads that it starts.
 *
 * Comes before any arithmetic: with thread-local descriptors (pipeline/stan/toolchain.py) a
 * thread's first access may lose vector registers on glibc before 2.40.
 */
inline void prepare_thread() { static thread_local stan::math::ChainableStack tape; }

/**
 * Runs the body of an exported function: the only place where an exception becomes a return value.
 *
 * @param[in] function name of the exported function, for the message
 * @param[out] error_msg where the message goes; may be null
 * @param[in] failure what is returned after an exception
 * @param[in] body what to do; its result is returned
 */
template <typename Result, typename Body>
Result guarded(const char* function, char** error_msg, Result failure, Body&& body) noexcept {
  const char* reason = "unknown C++ exception";
  try {
    prepare_thread();
    try {
      return std::forward<Body>(body)();
    } catch (const std::exception& e) {
      if (error_msg) *error_msg = strdup((std::string(function) + ": " + e.what()).c_str());
      return failure;
    }
  } catch (const std::exception&) {  // the message did not fit into the memory either
    reason = "out of memory";
  } catch (...) {
  }
  if (error_msg) *error_msg = strdup(reason);
  return failure;
}

}  // namespace latentbench

#endif
