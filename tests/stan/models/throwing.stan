// Throws in the block that is asked for, or beyond a bound of x; else a half normal.
data {
  int throws_in_data;
}
transformed data {
  if (throws_in_data) reject("data part");
  real drawn = normal_rng(0, 1);
}
parameters {
  real<lower=0> x;
}
transformed parameters {
  real y = x;
  if (x > 100) reject("transformed part");
}
model {
  if (x > 10) reject("model part");
  x ~ normal(0, 2);
}
generated quantities {
  if (x > 1) reject("generated part");
  real drawn_in_data = drawn;
}
