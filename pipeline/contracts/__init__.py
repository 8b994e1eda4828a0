"""What every method and every scenario must fulfil, the suite's own and those of plug-ins.

``python -m pipeline.contracts FILE`` checks a plug-in; the suite's tests run the same functions.
"""
