// clang-format off: must come first
#include "lean_math.hpp"
// clang-format on

#include "pathfinder.hpp"

#include "services.hpp"

namespace embedded {

int pathfinder(Session& session) { return run_pathfinder(session); }

}  // namespace embedded
