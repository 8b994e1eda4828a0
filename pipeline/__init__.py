"""A benchmark of fast approximations against Stan's MCMC on mixtures and hidden Markov models."""
