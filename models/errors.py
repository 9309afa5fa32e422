"""What can be wrong with weights; imports no torch, so that the command line can name it before any is loaded."""


class CheckpointError(ValueError):
    """A weights file is absent, damaged, foreign, or of another network; says which, and how to mend it."""
