#ifndef EMBEDDED_CMDSTAN_LEAN_MATH_HPP
#define EMBEDDED_CMDSTAN_LEAN_MATH_HPP

// Stan's services include all of Stan Math: every distribution, every function of autodiff
// variables, the ODE solvers. The driver calls none of them, the model's own object file does. Only
// to parse them costs 10 s of CPU a translation unit, and the many operator overloads make Eigen's
// expressions in Pathfinder slow to compile (65 s with them, 22 s without). So their include guards
// are set here, before any of Stan's headers, and what the services do use follows. A function that
// is missing is an error of the compiler's; values cannot change.
#define STAN_MATH_PRIM_PROB_HPP
#define STAN_MATH_PRIM_FUNCTOR_HPP
#define STAN_MATH_REV_FUN_HPP
#define STAN_MATH_REV_FUNCTOR_HPP
#define STAN_MATH_REV_PROB_HPP

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>

#include <boost/random/additive_combine.hpp>
#include <boost/random/discrete_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>
#include <boost/random/uniform_real_distribution.hpp>
#include <boost/random/variate_generator.hpp>
#include <boost/range/iterator_range.hpp>
// clang-format off: the Hessian needs the gradient before it
#include <stan/math/prim.hpp>
#include <stan/math/rev/core.hpp>
#include <stan/math/prim/prob/normal_rng.hpp>
#include <stan/math/prim/prob/std_normal_rng.hpp>
#include <stan/math/rev/fun/grad.hpp>
#include <stan/math/rev/functor/gradient.hpp>
#include <stan/math/rev/functor/finite_diff_hessian_auto.hpp>
// clang-format on

#endif
