# The stored baseline that the regression gate compares a run with.
from pipeline.regression.settings import BASELINE_FILES

BASELINE = CONFIG.regression.baseline or f"baselines/{CONFIG.run}"


def baseline_files(wildcards):
    """Return the baseline's files, or stop before any work where they are of no use."""
    from pipeline.regression.stage import check_baseline  # slow to import

    try:
        check_baseline(Path(BASELINE), config)
    except UserError as error:
        raise WorkflowError(f"The run cannot be compared.\n{error}") from None
    return [f"{BASELINE}/{name}" for name in BASELINE_FILES]
