#include "methods.hpp"

#include <cmath>

#include "nodes.hpp"

namespace embedded {

namespace {

void add_bfgs(Group& group, BfgsArguments& bfgs) {
  group.add(positive("init_alpha", "Step size of the first line search", bfgs.init_alpha))
      .add(tolerance("tol_obj", "Stop at this absolute change of the objective", bfgs.tol_obj))
      .add(tolerance("tol_rel_obj", "Stop at this relative change of the objective",
                     bfgs.tol_rel_obj))
      .add(tolerance("tol_grad", "Stop at this norm of the gradient", bfgs.tol_grad))
      .add(tolerance("tol_rel_grad", "Stop at this relative norm of the gradient",
                     bfgs.tol_rel_grad))
      .add(tolerance("tol_param", "Stop at this change of the parameters", bfgs.tol_param));
}

void add_lbfgs(Group& group, BfgsArguments& lbfgs) {
  add_bfgs(group, lbfgs);
  group.add(positive("history_size", "Steps that L-BFGS remembers", lbfgs.history_size));
}

Node sample(SampleArguments& arguments) {
  Adaptation& adaptation = arguments.adapt;
  auto adapt = group("adapt", "Adaptation during warm-up");
  adapt->add(flag("engaged", "Adapt step size and metric?", adaptation.engaged))
      .add(positive("gamma", "Regularization scale", adaptation.gamma))
      .add(between("delta", "Target acceptance statistic", adaptation.delta, 0.1,
                   std::nextafter(1.0, 0.0)))
      .add(positive("kappa", "Relaxation exponent", adaptation.kappa))
      .add(positive("t0", "Iteration offset", adaptation.t0))
      .add(count("init_buffer", "Iterations of the first fast interval", adaptation.init_buffer))
      .add(count("term_buffer", "Iterations of the last fast interval", adaptation.term_buffer))
      .add(count("window", "Iterations of the first slow interval", adaptation.window))
      .add(flag("save_metric", "Write the adapted metric to a JSON file?", adaptation.save_metric));

  auto static_time = group("static", "Fixed integration time");
  static_time->add(positive("int_time", "Total integration time", arguments.int_time));
  auto nuts = group("nuts", "The No-U-Turn Sampler");
  nuts->add(positive("max_depth", "Maximum depth of the tree", arguments.max_depth));
  auto engine = choice("engine", "Engine of Hamiltonian Monte Carlo", arguments.engine);
  engine->add(std::move(static_time)).add(std::move(nuts));

  auto metric = choice("metric", "Geometry of the base manifold", arguments.metric);
  metric->add(word("unit_e", "Euclidean, unit metric"))
      .add(word("diag_e", "Euclidean, diagonal metric"))
      .add(word("dense_e", "Euclidean, dense metric"));

  auto hmc = group("hmc", "Hamiltonian Monte Carlo");
  hmc->add(std::move(engine))
      .add(std::move(metric))
      .add(path("metric_file", "File with an inverse metric to start from", arguments.metric_file))
      .add(positive("stepsize", "Initial step size", arguments.stepsize))
      .add(between("stepsize_jitter", "Uniform random jitter of the step size, as a fraction",
                   arguments.stepsize_jitter, 0, 1));
  auto algorithm = choice("algorithm", "Sampling algorithm", arguments.algorithm);
  algorithm->add(std::move(hmc)).add(word("fixed_param", "Keep the parameters at their start"));

  auto method = group("sample", "Bayesian inference with Markov chain Monte Carlo");
  method->add(not_negative("num_samples", "Iterations after warm-up", arguments.num_samples))
      .add(not_negative("num_warmup", "Iterations of warm-up", arguments.num_warmup))
      .add(flag("save_warmup", "Write the draws of the warm-up too?", arguments.save_warmup))
      .add(positive("thin", "Keep one draw out of this many", arguments.thin))
      .add(std::move(adapt))
      .add(std::move(algorithm))
      .add(positive("num_chains", "Chains to run in this process", arguments.num_chains));
  return method;
}

Node optimize(OptimizeArguments& arguments) {
  auto bfgs = group("bfgs", "BFGS with line search");
  add_bfgs(*bfgs, arguments.bfgs);
  auto lbfgs = group("lbfgs", "L-BFGS with line search");
  add_lbfgs(*lbfgs, arguments.lbfgs);
  auto algorithm = choice("algorithm", "Optimization algorithm", arguments.algorithm);
  algorithm->add(std::move(bfgs)).add(std::move(lbfgs)).add(group("newton", "Newton's method"));

  auto method = group("optimize", "Point estimation");
  method->add(std::move(algorithm))
      .add(flag("jacobian", "Adjust the density for the transforms of constrained parameters?",
                arguments.jacobian))
      .add(positive("iter", "Maximum number of iterations", arguments.iter))
      .add(flag("save_iterations", "Write every iteration?", arguments.save_iterations));
  return method;
}

Node variational(VariationalArguments& arguments) {
  auto algorithm = choice("algorithm", "Variational family", arguments.algorithm);
  algorithm->add(group("meanfield", "Gaussian with a diagonal covariance"))
      .add(group("fullrank", "Gaussian with a full covariance"));
  auto adapt = group("adapt", "Adaptation of eta");
  adapt->add(flag("engaged", "Adapt eta?", arguments.adapt_engaged))
      .add(positive("iter", "Maximum number of adaptation iterations", arguments.adapt_iter));

  auto method = group("variational", "Automatic differentiation variational inference");
  method->add(std::move(algorithm))
      .add(positive("iter", "Maximum number of iterations", arguments.iter))
      .add(positive("grad_samples", "Draws for each gradient", arguments.grad_samples))
      .add(positive("elbo_samples", "Draws for each ELBO", arguments.elbo_samples))
      .add(positive("eta", "Scale of the step size", arguments.eta))
      .add(std::move(adapt))
      .add(positive("tol_rel_obj", "Stop at this relative change of the ELBO",
                    arguments.tol_rel_obj))
      .add(positive("eval_elbo", "Iterations between two ELBOs", arguments.eval_elbo))
      .add(positive("output_samples", "Draws to write", arguments.output_samples));
  return method;
}

Node diagnose(DiagnoseArguments& arguments) {
  auto gradient = group("gradient", "Compare the gradient with finite differences");
  gradient->add(positive("epsilon", "Step of the finite differences", arguments.epsilon))
      .add(positive("error", "Difference that counts as an error", arguments.error));
  auto test = choice("test", "Test to run", arguments.test);
  test->add(std::move(gradient));

  auto method = group("diagnose", "Model diagnostics");
  method->add(std::move(test));
  return method;
}

Node generate_quantities(GenerateQuantitiesArguments& arguments) {
  auto method = group("generate_quantities", "Generated quantities for draws made before");
  method
      ->add(path("fitted_params", "CSV file with draws of the parameters", arguments.fitted_params))
      .add(positive("num_chains", "Files of draws", arguments.num_chains));
  return method;
}

Node pathfinder(PathfinderArguments& arguments) {
  auto method = group("pathfinder", "Pathfinder variational inference");
  add_lbfgs(*method, arguments.lbfgs);
  method
      ->add(positive("num_psis_draws", "Draws kept by importance resampling",
                     arguments.num_psis_draws))
      .add(positive("num_paths", "Paths, each with its own start", arguments.num_paths))
      .add(flag("save_single_paths", "Write the draws of each path?", arguments.save_single_paths))
      .add(flag("psis_resample",
                "Resample the draws of all paths by importance? If not, all "
                "are written",
                arguments.psis_resample))
      .add(flag("calculate_lp",
                "Evaluate the log density of every draw? If not, there is no "
                "resampling",
                arguments.calculate_lp))
      .add(positive("max_lbfgs_iters", "Maximum number of L-BFGS iterations",
                    arguments.max_lbfgs_iters))
      .add(positive("num_draws", "Draws of each path", arguments.num_draws))
      .add(positive("num_elbo_draws", "Draws for each ELBO", arguments.num_elbo_draws));
  return method;
}

Node log_prob(LogProbArguments& arguments) {
  auto method = group("log_prob", "Log density, up to a constant, and gradient at given points");
  method
      ->add(path("unconstrained_params", "File of unconstrained parameters",
                 arguments.unconstrained_params))
      .add(path("constrained_params", "File of constrained parameters",
                arguments.constrained_params))
      .add(flag("jacobian", "Adjust the density for the transforms of constrained parameters?",
                arguments.jacobian));
  return method;
}

Node laplace(LaplaceArguments& arguments) {
  auto method = group("laplace", "Laplace approximation around a mode");
  method
      ->add(
          text("mode", "CSV or JSON file with the mode, on the constrained scale", arguments.mode))
      .add(flag("jacobian", "Adjust the density for the transforms of constrained parameters?",
                arguments.jacobian))
      .add(not_negative("draws", "Draws to write", arguments.draws))
      .add(flag("calculate_lp", "Evaluate the log density of every draw?", arguments.calculate_lp));
  return method;
}

}  // namespace

std::unique_ptr<Choice> method_argument(Config& config) {
  auto method = choice("method", "Analysis method (method= may be left out)", config.method);
  method->add(sample(config.sample))
      .add(optimize(config.optimize))
      .add(variational(config.variational))
      .add(diagnose(config.diagnose))
      .add(generate_quantities(config.generate_quantities))
      .add(pathfinder(config.pathfinder))
      .add(log_prob(config.log_prob))
      .add(laplace(config.laplace));
  return method;
}

}  // namespace embedded
