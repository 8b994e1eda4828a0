// Gaussian HMM with unknown transition matrix, means and standard deviations,
// and a uniform first state. Prior of the means and standard deviations after
// Richardson and Green (1997), J. R. Stat. Soc. B 59, 731-792.
functions {
  // The log density of all observations by the forward algorithm, where
  // likelihood[k, t] is that of observation t in state k. Rescaled only where it
  // gets small, it takes few autodiff variables.
  real log_forward(matrix likelihood, matrix transition, vector initial) {
    int K = rows(likelihood);
    array[K] vector[K] into; // into[k] from each state to state k
    for (k in 1 : K) {
      into[k] = transition[ : , k];
    }
    vector[K] predicted = initial;
    vector[K] joint;
    real log_scale = 0;
    for (t in 1 : cols(likelihood)) {
      for (k in 1 : K) {
        joint[k] = predicted[k] * likelihood[k, t];
      }
      if (max(joint) < 1e-100) {
        real scale = sum(joint);
        joint /= scale;
        log_scale += log(scale);
      }
      for (k in 1 : K) {
        predicted[k] = dot_product(joint, into[k]);
      }
    }
    return log_scale + log(sum(joint));
  }
}
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
  // Powers of y lose fewer digits around its middle.
  real y_mean = mean(y);
  matrix[3, T] x = append_row(append_row(rep_row_vector(1, T), (y - y_mean)'), square(y - y_mean)');
  vector[K] initial = rep_vector(1.0 / K, K);
}
parameters {
  array[K] simplex[K] transition; // transition[i, j] from state i to state j
  ordered[K] mu;
  vector<lower=0>[K] sd;
}
model {
  // The prior is that of the variances.
  square(sd) ~ inv_gamma(variance_shape, variance_scale);
  target += sum(log(sd));
  mu ~ normal(mu_mean, mu_sd);
  matrix[K, K] transition_matrix;
  for (k in 1 : K) {
    transition[k] ~ dirichlet(concentration);
    transition_matrix[k] = transition[k]';
  }
  // The log likelihood of an observation is linear in its powers.
  vector[K] weight = -0.5 * inv_square(sd);
  vector[K] centre = mu - y_mean;
  matrix[K, 3] slopes = append_col(append_col(square(centre) .* weight - log(sd),
                                              -2 * centre .* weight),
                                   weight);
  matrix[K, T] log_likelihood = slopes * x;
  // Without the largest entry of each column, no observation underflows in all
  // states at once.
  row_vector[T] largest = log_likelihood[1];
  for (k in 2 : K) {
    largest = fmax(largest, log_likelihood[k]);
  }
  log_likelihood -= rep_matrix(largest, K);
  // From six states on, hmm_marginal is faster.
  target += sum(largest)
            + (K < 6 ? log_forward(exp(log_likelihood), transition_matrix, initial)
               : hmm_marginal(log_likelihood, transition_matrix, initial));
}
