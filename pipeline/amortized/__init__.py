"""Amortized neural inference: networks trained on simulations, then a posterior in milliseconds.

Everything is JAX and Equinox and runs on batches: the leading axis of every array is the data set.
"""
