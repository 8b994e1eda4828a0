// Speaks while it runs: prints, profiles and now and then rejects; some variables have no elements.
data {
  int<lower=0> N;
}
transformed data {
  print("data block done, N = ", N);
}
parameters {
  real x;
  vector[N] z;
}
model {
  profile("prior") {
    x ~ normal(0, 1);
  }
  profile("rest") {
    z ~ normal(x, 1);
  }
  if (x > 2.5)
    reject("x is beyond 2.5");
}
generated quantities {
  array[0] real nothing;
  matrix[N, 2] twice = append_col(z, 2 * z);
}
