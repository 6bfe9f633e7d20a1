"""A request's body: read within the limit, then turned into a schema, or one sentence on why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import ClientDisconnect, Request

from service.errors import BodyTooLargeError, ContentTypeError, DisconnectedError, FieldError, JsonError, ServiceError
from service.schemas import shown

Schema = TypeVar("Schema", bound=BaseModel)

DISCARDED_BYTES = 64 * 1024 * 1024
"""How much of a body that is too large is read and thrown away, so that its sender gets to read the answer."""

_KINDS = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "an object",
    "string_type": "a string",
}


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body, once it is declared as JSON and within the limit; counted while it comes, declared length or not.

    Raises ContentTypeError, BodyTooLargeError, DisconnectedError.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes and "expect" in request.headers:
        raise _too_large(max_bytes)  # the sender waits for our word before it sends
    chunks: list[bytes] = []
    n_bytes = 0
    try:
        async for chunk in request.stream():
            n_bytes += len(chunk)
            if n_bytes <= max_bytes:
                chunks.append(chunk)
            elif n_bytes > max_bytes + DISCARDED_BYTES:
                break
    except ClientDisconnect:
        raise DisconnectedError("the connection was closed before the whole body had come") from None
    if n_bytes > max_bytes:
        raise _too_large(max_bytes)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json" and not (
        content_type.startswith("application/") and content_type.endswith("+json")
    ):
        received = shown(content_type) if content_type else "without one"
        raise ContentTypeError(
            f"the body must be sent as content-type: application/json, not {received}; "
            "with curl add -H 'content-type: application/json'"
        )
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise ContentTypeError(f"the body must be sent as it is, not with content-encoding {shown(encoding)}")
    return b"".join(chunks)


def _too_large(max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is larger than the limit of {max_bytes} bytes; send fewer or shorter texts")


def parse_body(body: bytes, schema: type[Schema]) -> Schema:
    """The body as `schema`. Raises JsonError, FieldError, or what the schema's own checks raise."""
    if not body.strip():
        raise JsonError("the body is empty; send a JSON object")
    try:
        return schema.model_validate_json(body)
    except ValidationError as error:
        raise _first_fault(error, schema) from None


def _first_fault(error: ValidationError, schema: type[BaseModel]) -> ServiceError:
    """One sentence for the first thing that is wrong; unknown fields first, since they explain missing ones."""
    faults = error.errors(include_url=False)
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    place = fault["loc"]
    param = _path(place)[:100]
    kind = fault["type"]
    if kind == "json_invalid":
        reason = str(fault.get("ctx", {}).get("error", "it cannot be read"))
        return JsonError(f"the body is not valid JSON: {reason}; expected a JSON object in UTF-8")
    if kind == "extra_forbidden":
        known = ", ".join(_fields_at(schema, place[:-1]))
        return FieldError(f"unknown field {shown(param)}; the fields are {known}", param)
    if kind == "missing":
        return FieldError(f"the field {param} is missing", param)
    return FieldError(_sentence(fault, param), param or None)


def _sentence(fault: ErrorDetails, param: str) -> str:
    kind, received, context = fault["type"], fault["input"], fault.get("ctx", {})
    subject = param or "the body"
    if kind == "wrong_kind":
        return fault["msg"]
    if kind in _KINDS:
        return f"{subject} must be {_KINDS[kind]}, not {shown(received)}"
    if kind == "literal_error":
        return f"{subject} must be {context['expected']}, not {shown(received)}"
    if kind == "greater_than_equal":
        return f"{subject} must be at least {context['ge']}, not {shown(received)}"
    if kind == "too_short":
        return f"{subject} is empty; give at least one, or leave it out"
    return f"{subject}: {fault['msg'][:1].lower()}{fault['msg'][1:]}, not {shown(received)}"


def _path(place: Sequence[int | str]) -> str:
    """`parameters.targets[3]`, the way a caller would write it."""
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _fields_at(schema: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """The fields of the object at `place`."""
    fields: dict[str, Any] = schema.model_fields
    for part in place:
        if isinstance(part, int):  # in a list, whose entries have the fields that were found already
            continue
        inner = [kind for kind in _classes(fields[part].annotation) if issubclass(kind, BaseModel)]
        fields = inner[0].model_fields
    return list(fields)


def _classes(annotation: Any) -> list[type]:
    """The classes in an annotation such as `bool | TraceBody` or `list[InterventionBody] | None`."""
    inner = getattr(annotation, "__args__", None)
    if inner is not None:
        return [kind for one in inner for kind in _classes(one)]
    return [annotation] if isinstance(annotation, type) else []
