// hmm.stan with exchangeable states: nothing tells their labels apart.
// Prior of the means and standard deviations after
// Richardson and Green (1997), J. R. Stat. Soc. B 59, 731-792.
data {
  int<lower=2> T;
  int<lower=2> K;
  vector[T] y;
  vector<lower=0>[K] concentration; // of each row of the transition matrix
  real mu_mean;
  real<lower=0> mu_sd;
  real<lower=0> variance_shape;
  real<lower=0> variance_scale;
}
transformed data {
  vector[K] initial = rep_vector(1.0 / K, K);
}
parameters {
  array[K] simplex[K] transition; // transition[i, j] from state i to state j
  vector[K] mu;
  vector<lower=0>[K] sd;
}
model {
  // The prior is that of the variances.
  square(sd) ~ inv_gamma(variance_shape, variance_scale);
  target += sum(log(sd));
  mu ~ normal(mu_mean, mu_sd);
  matrix[K, K] transition_matrix;
  matrix[K, T] log_likelihood;
  for (k in 1 : K) {
    transition[k] ~ dirichlet(concentration);
    transition_matrix[k] = transition[k]';
    log_likelihood[k] = -0.5 * square((y - mu[k]) / sd[k])' - log(sd[k]);
  }
  // hmm_marginal works with exp(log_likelihood). Without the largest entry of
  // each column, no observation underflows in all states at once.
  row_vector[T] largest = log_likelihood[1];
  for (k in 2 : K) {
    largest = fmax(largest, log_likelihood[k]);
  }
  target += sum(largest)
            + hmm_marginal(log_likelihood - rep_matrix(largest, K), transition_matrix, initial);
}
