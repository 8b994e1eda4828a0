"""Variational inference on Stan's own log densities, for any Stan program, through BridgeStan."""
