// Mixture of Gaussians with diagonal covariances in D dimensions, components exchangeable.
data {
  int<lower=1> N;
  int<lower=2> K;
  int<lower=1> D;
  matrix[N, D] y;
  vector<lower=0>[K] concentration;
  real mu_mean;
  real<lower=0> mu_sd;
  real<lower=0> variance_shape;
  real<lower=0> variance_scale;
}
transformed data {
  // Powers of y lose fewer digits around its middle.
  row_vector[D] y_mean = rep_row_vector(1.0 / N, N) * y;
  matrix[N, D] y_centred = y - rep_matrix(y_mean, N);
  matrix[N, 2 * D] x = append_col(y_centred, square(y_centred));
  array[N] int ones = rep_array(1, N);
  row_vector[2 * D] sum_x = rep_row_vector(1, N) * x;
}
parameters {
  simplex[K] pi;
  matrix[K, D] mu;
  matrix<lower=0>[K, D] sd;
}
model {
  pi ~ dirichlet(concentration);
  // The prior is that of the variances.
  to_vector(square(sd)) ~ inv_gamma(variance_shape, variance_scale);
  matrix[K, D] log_sd = log(sd);
  target += sum(log_sd);
  to_vector(mu) ~ normal(mu_mean, mu_sd);
  // As in gmm_exchangeable.stan: the log likelihood of an observation is what
  // normalises a softmax regression on its coordinates and their squares.
  matrix[K, D] precision = inv_square(sd);
  matrix[K, D] centre = mu - rep_matrix(y_mean, K);
  matrix[2 * D, K] slopes = append_row((centre .* precision)', -0.5 * precision');
  vector[K] intercept = log(pi) - (log_sd + 0.5 * square(centre) .* precision) * rep_vector(1, D);
  target += N * intercept[1] + sum_x * slopes[ : , 1]
            - categorical_logit_glm_lpmf(ones | x, intercept, slopes);
}
