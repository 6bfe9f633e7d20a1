"""Every error the package raises on purpose.

AnaphoraError                      anything below: one clear line for a person
├── RequestError                   what the caller asked cannot be answered; carries `code` and `param`
│   ├── BlankError                 no blank in the text, or a blank that cannot be scored
│   ├── TargetError                targets that are missing, empty, repeated, or do not fit the blanks
│   ├── TargetTooLongError         a target of too many pieces
│   ├── TextTooLongError           more tokens than the limit
│   ├── TooManyError               more targets, assignments, top_k or trace values than the limit
│   ├── TopKError                  top_k where it cannot be answered
│   ├── StateError                 a belief's state that is damaged, or belongs to another model or pair
│   ├── UnsupportedError           the bundle cannot answer this kind of question
│   ├── SiteError                  a site or unit that the network does not have
│   ├── InterventionError          an edit that this network or text does not allow
│   └── EvidenceError              evidence that this question does not allow
├── AbandonedError                 nobody waits for the answer any more
├── ConfigError                    sizes or names that contradict each other
├── ModelNotFoundError             neither a shipped bundle nor a folder
└── BundleError                    a bundle that must not be served
    ├── BundleFormatError          not a bundle, or written by another version
    ├── BundleIntegrityError       a file that is missing, truncated or changed
    └── BundleContentError         tensors or a tokenizer that do not fit the network
"""

from __future__ import annotations


class AnaphoraError(Exception):
    """The root: its text is one clear line for a person."""


class RequestError(AnaphoraError):
    """What the caller asked cannot be answered. `param` names the field of the request."""

    code = "invalid_request"

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class BlankError(RequestError):
    """There is no blank in the text, or one that cannot be scored."""

    code = "invalid_blank"

    def __init__(self, message: str, param: str | None = "text") -> None:
        super().__init__(message, param)


class TargetError(RequestError):
    """Targets are missing, empty, repeated, or their lists do not fit the blanks."""

    code = "invalid_targets"

    def __init__(self, message: str, param: str | None = "targets") -> None:
        super().__init__(message, param)


class TargetTooLongError(TargetError):
    """A target has more pieces than a cloze may score."""

    code = "target_too_long"


class TextTooLongError(RequestError):
    """A text has more tokens than the limit; it is never cut."""

    code = "text_too_long"

    def __init__(self, message: str, param: str | None = "text") -> None:
        super().__init__(message, param)


class TooManyError(RequestError):
    """More targets, assignments, top_k or trace values than the limit, which the message states."""

    code = "too_many"


class TopKError(RequestError):
    """top_k where the network cannot answer it."""

    code = "invalid_top_k"

    def __init__(self, message: str, param: str | None = "top_k") -> None:
        super().__init__(message, param)


class StateError(RequestError):
    """A state of belief that was damaged, or belongs to another model, another pair or another version."""

    code = "invalid_state"

    def __init__(self, message: str, param: str | None = "state") -> None:
        super().__init__(message, param)


class UnsupportedError(RequestError):
    """The bundle cannot answer this kind of question, whatever the text."""

    code = "unsupported"


class SiteError(RequestError):
    """A site or a unit that the network does not have."""

    code = "invalid_trace"

    def __init__(self, message: str, param: str | None = "trace") -> None:
        super().__init__(message, param)


class InterventionError(RequestError):
    """An edit of a site, unit or token that is not there, or one that does not say what to do."""

    code = "invalid_intervention"

    def __init__(self, message: str, param: str | None = "interventions") -> None:
        super().__init__(message, param)


class EvidenceError(RequestError):
    """Evidence of a kind that there is not, or for a question that is no choice between two targets in one blank."""

    code = "invalid_evidence"

    def __init__(self, message: str, param: str | None = "evidence") -> None:
        super().__init__(message, param)


class AbandonedError(AnaphoraError):
    """Nobody waits for the answer any more, so it was not computed to its end."""


class ConfigError(AnaphoraError):
    """Sizes or names of a network contradict each other."""


class ModelNotFoundError(AnaphoraError):
    """The name is neither a shipped bundle nor a folder that holds one."""


class BundleError(AnaphoraError):
    """A bundle that must not be served; the message says which check failed."""


class BundleFormatError(BundleError):
    """The folder is not a bundle, or was written by another version."""


class BundleIntegrityError(BundleError):
    """A file of the bundle is missing, truncated or changed since it was written."""


class BundleContentError(BundleError):
    """The tensors or the tokenizer do not fit the network that the bundle declares."""
