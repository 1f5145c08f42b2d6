"""The errors of Segue, in our own words. Status codes live in `web/problem_table.py`.

SegueError
├── Rejected          InvalidEvent · UnknownTrack · InvalidRequest · UnreadableSource (NothingHeard) · InvalidDataset
│                     InvalidSetting · InvalidBlock
├── NotFound          UnknownListener · UnknownCheckpoint · TrackNotFound · UnknownTrainingRun ·
│                     NoSongMap
├── Conflict          SessionConflict · LabelConflict (LabelsChanged) · TrackExists · DataFolderInUse ·
│                     CollectedElsewhere · TrainingRunUnderWay · TrainingRunOver
├── TryLater          Overloaded · NoCheckpoint · SessionStoreUnavailable (NewerSessionRecord ·
│                     NewerLogEntry) · EventLogNotWritable · JobsUnavailable · ModelStoreUnavailable
├── CheckpointError   CorruptCheckpoint · IncompatibleCheckpoint · WorseThanBaseline
└── TrainingError     NotANumber · NothingToLearn · NothingToResume

A message says what was expected, what came, and what to do.
"""


class SegueError(Exception):
    """Anything Segue refuses or fails to do, with a message for the person who asked."""


class Rejected(SegueError):
    """What was sent cannot be used as it is."""


class InvalidRequest(Rejected):
    """A request that contradicts itself or asks for what does not exist."""


class InvalidEvent(Rejected):
    """An event no session can take in."""


class InvalidBlock(Rejected):
    """A block that is over before it begins, or one more than a listener may have."""


class UnknownTrack(Rejected):
    """A track the catalogue does not hold, where one of its own is needed."""


class UnreadableSource(Rejected):
    """A file that is not what its format promises."""


class NothingHeard(UnreadableSource):
    """Files of which nothing is left to learn from."""


class InvalidDataset(Rejected):
    """A data set folder that is incomplete or of another version."""


class InvalidSetting(Rejected):
    """A setting that cannot be used as it is."""


class NotFound(SegueError):
    """What was asked for is not there."""


class UnknownListener(NotFound):
    """No session is stored for this listener."""


class UnknownCheckpoint(NotFound):
    """No checkpoint or label of this name is in the store."""


class NoSongMap(NotFound):
    """A checkpoint that was published before there were song maps."""


class TrackNotFound(NotFound):
    """The catalogue that serves holds no track of the id that was asked for."""


class UnknownTrainingRun(NotFound):
    """No training run of this id is remembered."""


class Conflict(SegueError):
    """Somebody else was first."""


class SessionConflict(Conflict):
    """The session changed between load and commit."""


class LabelConflict(Conflict):
    """The labels changed between read and write."""


class LabelsChanged(LabelConflict):
    """The labels are at another version than the one that was to be changed."""


class PromotedBefore(LabelConflict):
    """A training run has promoted what it published; whoever moved the label since is not overruled."""


class TrackExists(Conflict):
    """A track to be added has the id of one the catalogue holds."""


class DataFolderInUse(Conflict):
    """Another Segue keeps its sessions, its event log or a training in this folder."""


class CollectedElsewhere(Conflict):
    """Another event log is being collected from the same Redis."""


class TrainingRunUnderWay(Conflict):
    """A training run is queued or running; there is one at a time."""


class TrainingRunOver(Conflict):
    """A training run that has ended cannot be cancelled."""


class TryLater(SegueError):
    """Not now; the same request may succeed after `retry_after_s`."""

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Overloaded(TryLater):
    """The queue is full."""


class NoCheckpoint(TryLater):
    """Nothing has been published and promoted yet."""


class SessionStoreUnavailable(TryLater):
    """The session store does not answer."""


class NewerSessionRecord(SessionStoreUnavailable):
    """A session that a newer Segue wrote; this one leaves it alone and answers without it."""


class NewerLogEntry(SessionStoreUnavailable):
    """An entry of the event log that a newer Segue wrote; it stays in the log until a newer one collects it."""


class EventLogNotWritable(TryLater):
    """The folder of the event log takes no file: no room, or no right to write."""


class JobsUnavailable(TryLater):
    """The Redis that training runs go through does not answer, or there is none that they can go through."""


class ModelStoreUnavailable(TryLater):
    """The bucket that checkpoints and labels are kept in does not answer, or does not let us."""


class CheckpointError(SegueError):
    """A checkpoint that must not serve."""


class CorruptCheckpoint(CheckpointError):
    """A file of the checkpoint is missing, cut short or changed."""


class IncompatibleCheckpoint(CheckpointError):
    """A checkpoint this version of Segue cannot read."""


class WorseThanBaseline(CheckpointError):
    """A checkpoint that ranks no better than counting does."""


class TrainingError(SegueError):
    """Training cannot go on."""


class NotANumber(TrainingError):
    """The loss or a weight is NaN or infinite."""


class NothingToLearn(TrainingError):
    """The data set holds no session long enough to learn from."""


class NothingToResume(TrainingError):
    """No interrupted run is where one was asked for."""
