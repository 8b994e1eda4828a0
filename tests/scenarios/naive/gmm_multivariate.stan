// The textbook program of stan/gmm_multivariate.stan: one term an observation.
data {
  int<lower=1> N;
  int<lower=2> K;
  int<lower=1> D;
  array[N] vector[D] y;
  vector<lower=0>[K] concentration;
  real mu_mean;
  real<lower=0> mu_sd;
  real<lower=0> variance_shape;
  real<lower=0> variance_scale;
}
parameters {
  simplex[K] pi;
  matrix[K, D] mu;
  matrix<lower=0>[K, D] sd;
}
model {
  pi ~ dirichlet(concentration);
  for (k in 1 : K) {
    for (d in 1 : D) {
      mu[k, d] ~ normal(mu_mean, mu_sd);
      target += inv_gamma_lpdf(sd[k, d] ^ 2 | variance_shape, variance_scale) + log(2 * sd[k, d]);
    }
  }
  for (n in 1 : N) {
    vector[K] log_likelihood;
    for (k in 1 : K) {
      log_likelihood[k] = normal_lpdf(y[n] | mu[k], sd[k]);
    }
    target += log_mix(pi, log_likelihood);
  }
}
generated quantities {
  array[N] vector[K] membership;
  for (n in 1 : N) {
    for (k in 1 : K) {
      membership[n, k] = log(pi[k]) + normal_lpdf(y[n] | mu[k], sd[k]);
    }
    membership[n] = softmax(membership[n]);
  }
}
