"""The HTML report, from the tables of a run alone."""
