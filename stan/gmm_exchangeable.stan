// gmm.stan with exchangeable components: nothing tells their labels apart.
// Prior after Richardson and Green (1997), J. R. Stat. Soc. B 59, 731-792.
data {
  int<lower=1> N;
  int<lower=2> K;
  vector[N] y;
  vector<lower=0>[K] concentration;
  real mu_mean;
  real<lower=0> mu_sd;
  real<lower=0> variance_shape;
  real<lower=0> variance_scale;
}
transformed data {
  // Powers of y lose fewer digits around its middle.
  real y_mean = mean(y);
  matrix[N, 2] x = append_col(y - y_mean, square(y - y_mean));
  array[N] int ones = rep_array(1, N);
  row_vector[2] sum_x = rep_row_vector(1, N) * x;
}
parameters {
  simplex[K] pi;
  vector[K] mu;
  vector<lower=0>[K] sd;
}
model {
  pi ~ dirichlet(concentration);
  // The prior is that of the variances.
  square(sd) ~ inv_gamma(variance_shape, variance_scale);
  target += sum(log(sd));
  mu ~ normal(mu_mean, mu_sd);
  // Up to a constant, observation n has the log likelihood
  // log_sum_exp(intercept + x[n] * slopes), which is what normalises a softmax
  // regression. Its regression with every outcome 1 gives the sum over n and
  // the gradient in one node, without an N x K matrix of autodiff variables.
  row_vector[K] precision = inv_square(sd)';
  row_vector[K] centre = mu' - y_mean;
  matrix[2, K] slopes = append_row(centre .* precision, -0.5 * precision);
  vector[K] intercept = log(pi) - log(sd) - 0.5 * (square(centre) .* precision)';
  target += N * intercept[1] + sum_x * slopes[ : , 1]
            - categorical_logit_glm_lpmf(ones | x, intercept, slopes);
}
