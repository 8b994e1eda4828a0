// The textbook program of stan/hmm_exchangeable.stan: the forward algorithm by hand.
functions {
  // log p(y_1..t, z_t = k), for each t and k.
  array[] vector forward(matrix log_likelihood, matrix transition, vector initial) {
    int K = rows(log_likelihood);
    int T = cols(log_likelihood);
    array[T] vector[K] log_alpha;
    log_alpha[1] = log(initial) + log_likelihood[ : , 1];
    for (t in 2 : T) {
      for (k in 1 : K) {
        vector[K] terms;
        for (j in 1 : K) {
          terms[j] = log_alpha[t - 1, j] + log(transition[j, k]);
        }
        log_alpha[t, k] = log_sum_exp(terms) + log_likelihood[k, t];
      }
    }
    return log_alpha;
  }
}
data {
  int<lower=2> T;
  int<lower=2> K;
  array[T] real y;
  vector<lower=0>[K] concentration;
  real mu_mean;
  real<lower=0> mu_sd;
  real<lower=0> variance_shape;
  real<lower=0> variance_scale;
}
transformed data {
  vector[K] initial = rep_vector(1.0 / K, K);
}
parameters {
  array[K] simplex[K] transition;
  vector[K] mu;
  vector<lower=0>[K] sd;
}
transformed parameters {
  matrix[K, K] transition_matrix;
  matrix[K, T] log_likelihood;
  for (k in 1 : K) {
    for (j in 1 : K) {
      transition_matrix[k, j] = transition[k, j];
    }
    for (t in 1 : T) {
      log_likelihood[k, t] = normal_lpdf(y[t] | mu[k], sd[k]);
    }
  }
}
model {
  for (k in 1 : K) {
    transition[k] ~ dirichlet(concentration);
    mu[k] ~ normal(mu_mean, mu_sd);
    target += inv_gamma_lpdf(sd[k] ^ 2 | variance_shape, variance_scale) + log(2 * sd[k]);
  }
  target += log_sum_exp(forward(log_likelihood, transition_matrix, initial)[T]);
}
generated quantities {
  array[T] vector[K] filtering = forward(log_likelihood, transition_matrix, initial);
  // The forward pass of Stan 2.35's hmm_hidden_state_prob is not normalised, so that
  // the likelihood of a long series underflows; a factor for each time changes nothing else.
  matrix[K, T] relative;
  for (t in 1 : T) {
    filtering[t] = softmax(filtering[t]);
    relative[ : , t] = log_likelihood[ : , t] - max(log_likelihood[ : , t]);
  }
  matrix[K, T] smoothing = hmm_hidden_state_prob(relative, transition_matrix, initial);
}
