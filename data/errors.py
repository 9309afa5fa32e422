"""Every mistake that a user can make, as one tree of exceptions.

    CountenanceError                 its message is one sentence: what is wrong, and how to mend it
    ├── TaskError                    a task file or its table
    ├── StudyError                   a study file, or a study that does not allow what was asked
    │   ├── ErasedParticipantError   somebody who was erased from the study comes back
    │   └── WithheldError            outcomes of a study that is still open
    ├── StoreError                   a database: absent, foreign, or newer than this program
    ├── BundleError                  an advice bundle: gone, altered, of another task
    ├── TrialsError                  an exported folder of trials, or a file of decisions for it
    ├── TrainingError                decisions or options from which nothing can be learned
    ├── PublicationRefusedError      an advisor that failed one of its publication checks
    ├── FacesError                   pictures, landmarks or a corpus of faces
    ├── SetupError                   something the machine lacks: an extra, a browser, disk space
    └── UsageError                   options of a command that do not go together

The command lines catch the root, print its message, and exit with status 2. `models` imports nothing
of `data`; a bad weights file raises its `models.errors.CheckpointError`, a device that is not there its `DeviceError`,
and they catch both alike.
Our own mistakes are assertions and are never caught.
"""


class CountenanceError(Exception):
    """A user's mistake; the message says in one sentence what is wrong and how to mend it."""


class TaskError(CountenanceError):
    """A decision task's file or table is wrong."""


class StudyError(CountenanceError):
    """A study file is wrong, or the study does not allow what was asked."""


class ErasedParticipantError(StudyError):
    """Somebody who was erased from the study comes back; a study takes nobody twice."""


class WithheldError(StudyError):
    """Outcomes by condition are asked for while the study is open; they are shown once it is closed."""


class StoreError(CountenanceError):
    """The database is absent, foreign, or newer than this program."""


class BundleError(CountenanceError):
    """An advice bundle is gone, altered, or of another task."""


class TrialsError(CountenanceError):
    """An exported folder of trials, or a file of decisions for it, is wrong."""


class TrainingError(CountenanceError):
    """Nothing can be learned from these decisions or with these options."""


class PublicationRefusedError(CountenanceError):
    """An advisor failed one of the checks that it must pass before people see it."""


class FacesError(CountenanceError):
    """Pictures, landmarks or a corpus of faces are wrong."""


class SetupError(CountenanceError):
    """The machine lacks something: an extra, a browser, disk space."""


class UsageError(CountenanceError):
    """Options of a command do not go together."""
