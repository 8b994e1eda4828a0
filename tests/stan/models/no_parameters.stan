// Nothing to infer: zero-length arrays everywhere, and data that may be left out.
model {
  target += normal_lpdf(1.0 | 0, 1);
}
generated quantities {
  real u = uniform_rng(0, 1);
}
