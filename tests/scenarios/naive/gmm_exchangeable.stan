// The textbook program of stan/gmm_exchangeable.stan: one term an observation.
data {
  int<lower=1> N;
  int<lower=2> K;
  array[N] real y;
  vector<lower=0>[K] concentration;
  real mu_mean;
  real<lower=0> mu_sd;
  real<lower=0> variance_shape;
  real<lower=0> variance_scale;
}
parameters {
  simplex[K] pi;
  vector[K] mu;
  vector<lower=0>[K] sd;
}
model {
  pi ~ dirichlet(concentration);
  for (k in 1 : K) {
    mu[k] ~ normal(mu_mean, mu_sd);
    target += inv_gamma_lpdf(sd[k] ^ 2 | variance_shape, variance_scale) + log(2 * sd[k]);
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
