// Parameters of every kind that has names or a transform of its own; prints once an evaluation.
data {
  int<lower=1> K;
}
parameters {
  real a;
  array[2, 3] real b;
  matrix[2, 3] M;
  array[2] vector[2] v;
  simplex[K] s;
  ordered[3] o;
  cov_matrix[2] S;
  cholesky_factor_corr[3] L;
  unit_vector[2] w;
  real<lower=-1, upper=2> c;
  complex z;
  tuple(real, array[2] vector[2]) t;
}
transformed parameters {
  real twice = 2 * a;
}
model {
  print("a is ", a);
  a ~ normal(0, 1);
  to_array_1d(b) ~ normal(0, 1);
  to_vector(M) ~ normal(0, 1);
  for (i in 1 : 2) {
    v[i] ~ normal(0, 1);
    t.2[i] ~ normal(0, 1);
  }
  t.1 ~ normal(0, 1);
  s ~ dirichlet(rep_vector(2, K));
  o ~ normal(0, 1);
  target += 0.5 * (log_determinant(S) - trace(S)); // Wishart with four degrees of freedom
  L ~ lkj_corr_cholesky(2);
  w ~ normal(0, 1);
  c ~ normal(0, 1);
  get_real(z) ~ normal(0, 1);
  get_imag(z) ~ normal(0, 1);
}
generated quantities {
  int n = poisson_rng(exp(a));
  tuple(int, real) g = (n, normal_rng(0, 1));
}
