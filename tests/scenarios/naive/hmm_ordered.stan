// The textbook program of stan/hmm_ordered.stan: raw replicates, the forward algorithm by hand.
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
  int<lower=1> n_rep;
  array[T, n_rep] real y;
  real<lower=0> sd;
  simplex[2] initial;
  vector<lower=0>[2] p_stay_shape;
  vector[2] mu_mean;
  real<lower=0> mu_sd;
}
parameters {
  vector<lower=0, upper=1>[2] p_stay;
  ordered[2] mu;
}
transformed parameters {
  matrix[2, 2] transition_matrix = [[p_stay[1], 1 - p_stay[1]], [1 - p_stay[2], p_stay[2]]];
  matrix[2, T] log_likelihood;
  for (t in 1 : T) {
    for (k in 1 : 2) {
      log_likelihood[k, t] = normal_lpdf(y[t] | mu[k], sd);
    }
  }
}
model {
  for (k in 1 : 2) {
    p_stay[k] ~ beta(p_stay_shape[1], p_stay_shape[2]);
    mu[k] ~ normal(mu_mean[k], mu_sd);
  }
  target += log_sum_exp(forward(log_likelihood, transition_matrix, initial)[T]);
}
generated quantities {
  array[T] vector[2] filtering = forward(log_likelihood, transition_matrix, initial);
  // The forward pass of Stan 2.35's hmm_hidden_state_prob is not normalised, so that
  // the likelihood of a long series underflows; a factor for each time changes nothing else.
  matrix[2, T] relative;
  for (t in 1 : T) {
    filtering[t] = softmax(filtering[t]);
    relative[ : , t] = log_likelihood[ : , t] - max(log_likelihood[ : , t]);
  }
  matrix[2, T] smoothing = hmm_hidden_state_prob(relative, transition_matrix, initial);
}
