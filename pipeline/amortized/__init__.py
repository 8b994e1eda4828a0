"""Amortized neural inference: networks trained on simulations, then a posterior in milliseconds.

Everything is JAX and Equinox and runs on batches: the leading axis of every array is the data set.
"""

from pipeline.compilation import keep_compiled

keep_compiled()  # before any module of this package imports JAX
