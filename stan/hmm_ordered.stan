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
  matrix[T, 2] x = append_col(precision * y_mean, rep_vector(-0.5 * precision, T));
}
parameters {
  vector<lower=0, upper=1>[2] p_stay;
  ordered[2] mu;
}
model {
  p_stay ~ beta(p_stay_shape[1], p_stay_shape[2]);
  mu ~ normal(mu_mean, mu_sd);
  // The density of all observations in state 2. In state 1, the one at t is
  // exp(log_ratio[t]) times as likely.
  y_mean ~ normal(mu[2], sd / sqrt(n_rep));
  vector[T] log_ratio = x * [mu[1] - mu[2], square(mu[1]) - square(mu[2])]';
  // The forward algorithm: joint density of the past and of each state, less
  // log_scale. Two states take few enough autodiff variables that this is faster
  // than hmm_marginal; exponents below zero and rescaling keep clear of overflow
  // and underflow.
  real in_1 = initial[1];
  real in_2 = initial[2];
  real leave_1 = 1 - p_stay[1];
  real leave_2 = 1 - p_stay[2];
  real log_scale = 0;
  for (t in 1 : T) {
    if (log_ratio[t] < 0) {
      in_1 *= exp(log_ratio[t]);
    } else {
      in_2 *= exp(-log_ratio[t]);
      log_scale += log_ratio[t];
    }
    if (fmax(in_1, in_2) < 1e-100) {
      real scale = in_1 + in_2;
      in_1 /= scale;
      in_2 /= scale;
      log_scale += log(scale);
    }
    real was_1 = in_1;
    in_1 = was_1 * p_stay[1] + in_2 * leave_2;
    in_2 = was_1 * leave_1 + in_2 * p_stay[2];
  }
  target += log_scale + log(in_1 + in_2);
}
