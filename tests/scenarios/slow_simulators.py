"""The two simulated scenarios as a textbook writes them: one value at a time, with Python's own generator."""

import random

import numpy as np


def gmm_ordered(rng: random.Random):
    n_obs, n_rep = rng.randint(150, 250), rng.randint(2, 4)
    gammas = [rng.gammavariate(2, 1) for _ in range(3)]
    pi = [gamma / sum(gammas) for gamma in gammas]
    while True:
        mu = [rng.gauss(-2, 1), rng.gauss(0, 1), rng.gauss(2, 1)]
        if mu[0] < mu[1] < mu[2]:
            break
    z = [rng.choices([0, 1, 2], pi)[0] for _ in range(n_obs)]
    y = [[rng.gauss(mu[k], 1) for _ in range(n_rep)] for k in z]
    return np.array(y), {"pi": np.array(pi), "mu": np.array(mu)}, np.array(z)


def hmm_ordered(rng: random.Random):
    n_rep = rng.randint(2, 5)
    a11, a22 = rng.betavariate(2, 2), rng.betavariate(2, 2)
    while True:
        mu = [rng.gauss(-1, 1), rng.gauss(1, 1)]
        if mu[0] < mu[1]:
            break
    z = [rng.choice([0, 1])]
    while len(z) < 100:
        stay = a11 if z[-1] == 0 else a22
        z.append(z[-1] if rng.random() < stay else 1 - z[-1])
    y = [[rng.gauss(mu[k], 1) for _ in range(n_rep)] for k in z]
    return np.array(y), {"p_stay": np.array([a11, a22]), "mu": np.array(mu)}, np.array(z)
