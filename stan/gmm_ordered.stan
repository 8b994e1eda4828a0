// Gaussian mixture with known standard deviation and replicated observations.
// Kucharsky and Buerkner (2025), arXiv 2501.10229, case 1.
data {
  int<lower=1> N;
  int<lower=2> K;
  int<lower=1> n_rep; // replicates of each observation
  vector[N] y_mean; // mean of an observation's replicates
  real<lower=0> sd;
  vector<lower=0>[K] pi_concentration;
  vector[K] mu_mean;
  real<lower=0> mu_sd;
}
transformed data {
  real precision = n_rep / square(sd); // of y_mean, given its component
  matrix[N, 1] x = to_matrix(precision * y_mean, N, 1);
  array[N] int ones = rep_array(1, N);
  real sum_x = sum(x);
}
parameters {
  simplex[K] pi;
  ordered[K] mu;
}
model {
  pi ~ dirichlet(pi_concentration);
  mu ~ normal(mu_mean, mu_sd);
  // Up to a constant of the data, observation n has the log likelihood
  // log_sum_exp(intercept + x[n] * mu), which is what normalises a softmax
  // regression. Its regression with every outcome 1 gives the sum over n and
  // the gradient in one node, without an N x K matrix of autodiff variables.
  vector[K] intercept = log(pi) - 0.5 * precision * square(mu);
  target += N * intercept[1] + mu[1] * sum_x
            - categorical_logit_glm_lpmf(ones | x, intercept, to_matrix(mu, 1, K));
}
