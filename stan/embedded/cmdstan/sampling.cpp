#include "sample.hpp"

namespace embedded {

int sample(Session& session) { return run_sample(session); }

}  // namespace embedded
