"""What can be wrong with weights and devices; imports no torch, so that command lines can name it before that loads."""


class CheckpointError(ValueError):
    """A weights file is absent, damaged, foreign, or of another network; says which, and how to mend it."""


class DeviceError(ValueError):
    """A device was named that is none, or that this machine does not have; says how to mend it."""
