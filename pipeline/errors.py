"""The one exception that a user is meant to read."""


class UserError(Exception):
    """A mistake or a missing piece that the user can mend.

    The message names the file, the key or row, what was found, what is allowed and what to do. Command
    lines and Snakemake's scripts print it alone, without a traceback.
    """


class UnusableCheckpoint(UserError):
    """A checkpoint that belongs to another training, or that cannot be read."""
