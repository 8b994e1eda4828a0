// What needs SUNDIALS (ordinary and algebraic differential equations, Newton's method) and TBB (reduce_sum).
functions {
  vector decay(real t, vector y, real k) {
    return -k * y;
  }
  vector residual(real t, vector y, vector dy, real k) {
    return dy + k * y;
  }
  vector square_minus(vector x, real k) {
    return square(x) - k;
  }
  real part(array[] real x, int start, int end, real k) {
    return normal_lpdf(x | k, 1);
  }
}
parameters {
  real<lower=0> k;
}
transformed parameters {
  real by_ode = ode_bdf(decay, [1]', 0, {1.0}, k)[1][1];
}
model {
  target += reduce_sum(part, rep_array(by_ode, 1000), 10, k);
}
generated quantities {
  real by_dae = dae(residual, [1]', [-k]', 0, {1.0}, k)[1][1];
  real by_newton = solve_newton(square_minus, [1]', k)[1];
}
