"""Every error the service raises on purpose, and the one table from error to status.

ServiceError                   anything below, and itself an AnaphoraError: one clear line for a person
├── BodyError                  the body cannot be read as a request
│   ├── BodyTooLargeError      more bytes than the limit
│   ├── ContentTypeError       not declared as JSON
│   └── JsonError              not JSON
├── FieldError                 a field that is missing, unknown or of the wrong kind
├── RouteNotBuiltYetError      a route of the interface that a later version answers
├── TooManyTextsError          more texts in one request than the limit
├── UnknownModelError          no model of that name is served
├── KeyRefusedError            the API key is missing or wrong
├── OverloadedError            as many requests under way as the limit allows
├── NotReadyError              the models are not loaded yet
├── DeadlineError              the answer took longer than the limit
├── DisconnectedError          the caller went away; nobody reads this
└── StartError                 the service cannot start: told to the operator, never to a caller
    ├── ModelsError            no model to serve, two of one name, or a default that is not there
    └── AddressError           the port cannot be listened on
"""

from __future__ import annotations

from dataclasses import dataclass, field

from model import errors as model_errors


class ServiceError(model_errors.AnaphoraError):
    """The root of the service's own. `code` names the case for a program, `param` the field of the request."""

    code = "internal_error"

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class BodyError(ServiceError):
    """The body cannot be read as a request."""

    code = "invalid_body"


class BodyTooLargeError(BodyError):
    """The body has more bytes than the limit, which the message states."""

    code = "body_too_large"


class ContentTypeError(BodyError):
    """The body is not declared as JSON."""

    code = "unsupported_content_type"


class JsonError(BodyError):
    """The body is not JSON: the message says where it stops being it."""

    code = "invalid_json"


class FieldError(ServiceError):
    """A field is missing, unknown or of the wrong kind."""

    code = "invalid_field"


class RouteNotBuiltYetError(ServiceError):
    """A route of the published interface that this version does not answer."""

    code = "not_built_yet"


class TooManyTextsError(ServiceError):
    """One request holds more texts than the limit, which the message states."""

    code = "too_many_texts"


class UnknownModelError(ServiceError):
    """No model of that name is served; the message lists those that are."""

    code = "model_not_found"


class KeyRefusedError(ServiceError):
    """The service asks for an API key, and the request bears none or a wrong one."""

    code = "invalid_api_key"


class OverloadedError(ServiceError):
    """As many requests are under way as the limit allows; the caller should come back."""

    code = "overloaded"


class NotReadyError(ServiceError):
    """The models are not loaded yet; the caller should come back."""

    code = "not_ready"


class DeadlineError(ServiceError):
    """The answer took longer than the limit, which the message states."""

    code = "deadline_exceeded"


class DisconnectedError(ServiceError):
    """The caller closed the connection before the answer."""

    code = "client_disconnected"


class StartError(ServiceError):
    """The service cannot start."""


class ModelsError(StartError):
    """There is no model to serve, two have one name, or the default is not among them."""


class AddressError(StartError):
    """The address cannot be listened on: the port is taken, or not ours to take."""


@dataclass(frozen=True)
class Answer:
    """How an error is answered: HTTP status, the `type` of its body, and headers."""

    status: int
    type: str
    headers: dict[str, str] = field(default_factory=dict)


INVALID = "invalid_request_error"
RETRY_SECONDS = 1
"""What Retry-After says: batches take milliseconds, so a queue that is full now is not in a second."""

_INTERNAL = Answer(500, "server_error")
_UNANSWERABLE = Answer(422, INVALID)
_LATER = {"Retry-After": str(RETRY_SECONDS)}

ANSWERS: dict[type[Exception], Answer] = {
    # Well-formed, but not to be answered by this model or within these limits
    model_errors.RequestError: _UNANSWERABLE,
    model_errors.BlankError: _UNANSWERABLE,
    model_errors.TargetError: _UNANSWERABLE,
    model_errors.TargetTooLongError: _UNANSWERABLE,
    model_errors.TextTooLongError: _UNANSWERABLE,
    model_errors.TooManyError: _UNANSWERABLE,
    model_errors.TopKError: _UNANSWERABLE,
    model_errors.StateError: _UNANSWERABLE,
    model_errors.UnsupportedError: _UNANSWERABLE,
    model_errors.SiteError: _UNANSWERABLE,
    model_errors.InterventionError: _UNANSWERABLE,
    model_errors.EvidenceError: _UNANSWERABLE,
    FieldError: _UNANSWERABLE,
    TooManyTextsError: _UNANSWERABLE,
    # Not a request that can be read
    BodyError: Answer(400, INVALID),
    JsonError: Answer(400, INVALID),
    BodyTooLargeError: Answer(413, INVALID),
    ContentTypeError: Answer(415, INVALID),
    RouteNotBuiltYetError: Answer(501, "unsupported", {"x-should-retry": "false"}),
    UnknownModelError: Answer(404, "not_found_error"),
    KeyRefusedError: Answer(401, "authentication_error", {"WWW-Authenticate": "Bearer"}),
    # Try again
    OverloadedError: Answer(429, "overloaded", _LATER),
    NotReadyError: Answer(503, "not_ready", _LATER),
    DeadlineError: Answer(504, "timeout"),
    DisconnectedError: Answer(499, "client_disconnected"),  # nginx's number; only metrics and logs see it
    # A bug, or the operator's business: never the caller's fault
    ServiceError: _INTERNAL,
    StartError: _INTERNAL,
    ModelsError: _INTERNAL,
    AddressError: _INTERNAL,
    model_errors.AnaphoraError: _INTERNAL,
    model_errors.AbandonedError: _INTERNAL,  # never seen: it was raised because nobody waits
    model_errors.ConfigError: _INTERNAL,
    model_errors.ModelNotFoundError: _INTERNAL,
    model_errors.BundleError: _INTERNAL,
    model_errors.BundleFormatError: _INTERNAL,
    model_errors.BundleIntegrityError: _INTERNAL,
    model_errors.BundleContentError: _INTERNAL,
}


def answer_of(error: Exception) -> Answer:
    """The answer of an error: its own, else its nearest ancestor's, else 500."""
    return next((ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS), _INTERNAL)


def code_of(error: Exception) -> str:
    """The error's `code`; "internal_error" for one that nobody meant to raise."""
    return str(getattr(error, "code", ServiceError.code))


def is_callers(error: Exception) -> bool:
    """Whether the error's own words are for the caller; otherwise they are for the log alone."""
    return answer_of(error) is not _INTERNAL
