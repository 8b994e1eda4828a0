// Gaussian HMM of two states with known standard deviation and replicated
// observations. Kucharsky and Buerkner (2025), arXiv 2501.10229, case 2.
data {
  int<lower=2> T;
  int<lower=1> n_rep; // replicates of each observation
  vector[T] y_mean; // mean of an observation's replicates
  real<lower=0> sd;
  simplex[2] initial; // distribution of the first state
  vector<lower=0>[2] p_stay_shape;
  vector[2] mu_mean;
  real<lower=0> mu_sd;
}
transformed data {
  real precision = n_rep / square(sd); // of y_mean, given its state
}
parameters {
  vector<lower=0, upper=1>[2] p_stay;
  ordered[2] mu;
}
model {
  p_stay ~ beta(p_stay_shape[1], p_stay_shape[2]);
  mu ~ normal(mu_mean, mu_sd);
  matrix[2, T] log_likelihood;
  for (k in 1 : 2) {
    log_likelihood[k] = -0.5 * precision * square(y_mean - mu[k])';
  }
  matrix[2, 2] transition = [[p_stay[1], 1 - p_stay[1]], [1 - p_stay[2], p_stay[2]]];
  target += hmm_marginal(log_likelihood, transition, initial);
}
