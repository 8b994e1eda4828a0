"""Checks of amortized methods on simulated data sets, whose true parameters are known.

The statistics are pure functions of arrays; `checks` applies them to a trained network.
"""
