"""One table from errors to status, code and title.

A class without a row of its own takes that of its nearest ancestor, so a new error is never a surprise. Knows nothing
of requests, or of how a problem is written.
"""

from dataclasses import dataclass

from app.errors import (
    CheckpointError,
    Conflict,
    InvalidEvent,
    InvalidRequest,
    JobsUnavailable,
    LabelConflict,
    LabelsChanged,
    ModelStoreUnavailable,
    NoCheckpoint,
    NoSongMap,
    NotFound,
    Overloaded,
    Rejected,
    SessionConflict,
    SessionStoreUnavailable,
    TrackExists,
    TrackNotFound,
    TrainingRunOver,
    TrainingRunUnderWay,
    TryLater,
    UnknownCheckpoint,
    UnknownListener,
    UnknownTrack,
    UnknownTrainingRun,
    WorseThanBaseline,
)
from app.web.admission import KeyNeeded, KeyRefused, NotAdmitted, RateExceeded, ScopeMissing
from app.web.body import BodyTooLarge, NotJson, UnsupportedMediaType
from app.web.draining import Draining
from app.web.idempotency_key import IdempotencyKeyReused, InvalidIdempotencyKey, StillAnswering
from app.web.media import NotAcceptable


class NoSuchRoute(NotFound):
    """A path this API does not have."""


class MethodNotAllowed(Rejected):
    """A path this API has, with another method."""


class MalformedRequest(Rejected):
    """Bytes that are no HTTP request."""


class HeadersTooLarge(Rejected):
    """A request line and headers of more bytes than are read."""


class RequestTooSlow(Rejected):
    """A request that was not whole in time."""


class VersionNeeded(Rejected):
    """A change that does not say of what it is one."""


class UnknownProblem(NotFound):
    """A problem code that is not in the table."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One row: how an error is told over HTTP. `advice` says what a caller can do about it."""

    status: int
    code: str
    title: str
    advice: str

    @property
    def type(self) -> str:
        """Where the problem is explained, relative to the API."""
        return f"/problems/{self.code}"


INTERNAL_ERROR = Problem(
    500,
    "internal_error",
    "Something broke on our side",
    "Report it with the request_id; the server's log has the rest.",
)

PROBLEMS: dict[type[Exception], Problem] = {
    Exception: INTERNAL_ERROR,
    NotJson: Problem(
        400, "not_json", "The body is not JSON", "Send UTF-8 JSON; the detail says where it stops being that."
    ),
    MalformedRequest: Problem(400, "malformed_request", "This is not HTTP", "Send HTTP/1.1, or look at your client."),
    Rejected: Problem(422, "rejected", "What was sent cannot be used", "Change the request as the detail says."),
    InvalidRequest: Problem(
        422, "invalid_request", "The request is not what this call takes", "`errors` lists each field."
    ),
    InvalidEvent: Problem(422, "invalid_event", "No session can take in this event", "Change it as the detail says."),
    InvalidIdempotencyKey: Problem(
        422, "invalid_idempotency_key", "The Idempotency-Key is none", "Send 1 to 128 printable characters, a UUID."
    ),
    IdempotencyKeyReused: Problem(
        422, "idempotency_key_reused", "The Idempotency-Key is another request's", "Take a new one for each request."
    ),
    UnknownTrack: Problem(
        422, "unknown_track", "A track of the catalogue is needed here", "Find track ids with GET /v1/tracks?q=."
    ),
    KeyNeeded: Problem(
        401, "key_needed", "This call needs a key", "Send `Authorization: Bearer` and a key of `segue keys create`."
    ),
    KeyRefused: Problem(401, "key_refused", "This key opens nothing", "Use a key that is neither revoked nor expired."),
    ScopeMissing: Problem(
        403, "scope_missing", "The key is not for this call", "Use a key with the scope that the detail names."
    ),
    NotAdmitted: Problem(
        403, "not_admitted", "This call is for the machine itself", "Call it from the machine that Segue runs on."
    ),
    NotFound: Problem(404, "not_found", "It is not there", "Check the id."),
    NoSuchRoute: Problem(404, "no_such_route", "There is no such call", "GET /openapi.json lists every call."),
    UnknownListener: Problem(
        404, "unknown_listener", "Nothing is remembered of this listener", "Send an event first, or take it as new."
    ),
    NoSongMap: Problem(404, "no_song_map", "The checkpoint has no song map", "Train again; new checkpoints have one."),
    UnknownCheckpoint: Problem(404, "unknown_checkpoint", "There is no such checkpoint", "GET /v1/models lists them."),
    TrackNotFound: Problem(
        404, "track_not_found", "The catalogue holds no such track", "Find track ids with GET /v1/tracks?q=."
    ),
    UnknownTrainingRun: Problem(
        404, "unknown_training_run", "There is no such training run", "GET /v1/admin/training-runs lists them."
    ),
    UnknownProblem: Problem(404, "unknown_problem", "There is no such problem code", "docs/api.md lists them."),
    MethodNotAllowed: Problem(
        405, "method_not_allowed", "The call has another method", "The Allow header names those it has."
    ),
    NotAcceptable: Problem(
        406, "not_acceptable", "None of the accepted media types can be had", "Ask for one that the detail names."
    ),
    RequestTooSlow: Problem(
        408, "request_too_slow", "The request was not whole in time", "Send it again, in one piece."
    ),
    Conflict: Problem(409, "conflict", "Somebody else was first", "Look at how it stands now and try again."),
    SessionConflict: Problem(
        409, "session_conflict", "The listener's session changed meanwhile", "Send the same events again."
    ),
    StillAnswering: Problem(
        409, "still_answering", "The first request is still being answered", "Send it again in a second."
    ),
    LabelConflict: Problem(409, "label_conflict", "The labels changed meanwhile", "Read them and try again."),
    LabelsChanged: Problem(
        412, "labels_changed", "The labels are not those that this is a change of", "Read them and decide again."
    ),
    VersionNeeded: Problem(
        428, "version_needed", "It must say what it is a change of", "Send If-Match with the ETag of what you read."
    ),
    WorseThanBaseline: Problem(
        422, "worse_than_baseline", "The evaluation gate rejected it", "Label another one, or this one with force."
    ),
    TrackExists: Problem(409, "track_exists", "The catalogue holds a track of this id", "Leave it out."),
    TrainingRunUnderWay: Problem(
        409,
        "training_run_under_way",
        "A training run is under way",
        "Wait for the run that the detail names.",
    ),
    TrainingRunOver: Problem(409, "training_run_over", "The training run has ended", "There is nothing to cancel."),
    BodyTooLarge: Problem(413, "body_too_large", "The body is too large", "Send it in parts of at most 1 MiB."),
    UnsupportedMediaType: Problem(
        415, "unsupported_media_type", "The body is not said to be JSON", "Send content-type: application/json."
    ),
    HeadersTooLarge: Problem(431, "headers_too_large", "The headers are too large", "Send fewer or shorter ones."),
    RateExceeded: Problem(
        429, "rate_exceeded", "The key has made too many calls", "Send it again after Retry-After seconds."
    ),
    CheckpointError: Problem(
        500, "checkpoint_unusable", "A checkpoint cannot be used", "An operator has to publish or restore it."
    ),
    TryLater: Problem(503, "try_later", "Not now", "Send the same request again after Retry-After seconds."),
    Overloaded: Problem(503, "overloaded", "Too many requests are waiting", "Send it again after Retry-After seconds."),
    Draining: Problem(503, "draining", "This server is about to end", "Send it again; another one answers."),
    NoCheckpoint: Problem(
        503, "no_checkpoint", "No model has been promoted yet", "An operator has to train or promote one."
    ),
    JobsUnavailable: Problem(
        503, "jobs_unavailable", "Training runs cannot be reached", "Send it again later, or ask an operator."
    ),
    ModelStoreUnavailable: Problem(
        503, "model_store_unavailable", "The model store does not answer", "Send it again later, or ask an operator."
    ),
    SessionStoreUnavailable: Problem(
        503, "session_store_unavailable", "The session store does not answer", "Send the same events again later."
    ),
}

CODES = tuple(sorted({problem.code for problem in PROBLEMS.values()}))


def problem_of(error: type[Exception]) -> Problem:
    """Return the row of the nearest class that has one."""
    return next(PROBLEMS[ancestor] for ancestor in error.__mro__ if ancestor in PROBLEMS)
