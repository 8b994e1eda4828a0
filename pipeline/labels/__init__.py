"""Relabelling: the only place that permutes components. Pure array functions, which know no model."""
