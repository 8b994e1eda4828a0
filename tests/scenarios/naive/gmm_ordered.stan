// The textbook program of stan/gmm_ordered.stan: raw replicates, one term each.
data {
  int<lower=1> N;
  int<lower=2> K;
  int<lower=1> n_rep;
  array[N, n_rep] real y;
  real<lower=0> sd;
  vector<lower=0>[K] pi_concentration;
  vector[K] mu_mean;
  real<lower=0> mu_sd;
}
parameters {
  simplex[K] pi;
  ordered[K] mu;
}
model {
  pi ~ dirichlet(pi_concentration);
  for (k in 1 : K) {
    mu[k] ~ normal(mu_mean[k], mu_sd);
  }
  for (n in 1 : N) {
    vector[K] log_likelihood;
    for (k in 1 : K) {
      log_likelihood[k] = normal_lpdf(y[n] | mu[k], sd);
    }
    target += log_mix(pi, log_likelihood);
  }
}
generated quantities {
  array[N] vector[K] membership;
  for (n in 1 : N) {
    for (k in 1 : K) {
      membership[n, k] = log(pi[k]) + normal_lpdf(y[n] | mu[k], sd);
    }
    membership[n] = softmax(membership[n]);
  }
}
