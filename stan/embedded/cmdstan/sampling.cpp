// clang-format off: must come first
#include "lean_math.hpp"
// clang-format on

#include "sample.hpp"

namespace embedded {

int sample(Session& session) { return run_sample(session); }

}  // namespace embedded
