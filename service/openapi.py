"""The description of the API: bodies are read by service/body.py, so their schemas are added here by hand."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.replies import ErrorReply
from service.schemas import BeliefBody, ClozeBody, FillMaskBody

DESCRIPTION = """
Anaphora fills blanks in sentences with pronouns, or any words, and shows what every gate of a recurrent network did
while it read. Offsets count Unicode code points of the text as it was sent.
"""
BODIES: tuple[type[BaseModel], ...] = (ClozeBody, BeliefBody, FillMaskBody, ErrorReply)
_REFERENCE = "#/components/schemas/{model}"


def json_body(schema: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route whose body is a `schema`, with its examples."""
    examples = schema.model_config.get("json_schema_extra") or {}
    listed: list[Any] = examples.get("examples", []) if isinstance(examples, dict) else []  # type: ignore[assignment]
    content: dict[str, Any] = {"schema": {"$ref": _REFERENCE.format(model=schema.__name__)}}
    if listed:
        content["examples"] = {f"example {number}": {"value": value} for number, value in enumerate(listed, 1)}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI description, made once; `app.openapi` is set to this."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
        _, definitions = models_json_schema([(body, "validation") for body in BODIES], ref_template=_REFERENCE)
        schema.setdefault("components", {}).setdefault("schemas", {}).update(definitions["$defs"])
        refused = {
            "description": "Refused, with the reason",
            "content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model=ErrorReply.__name__)}}},
        }
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                if path.startswith("/v1/"):
                    operation["responses"].setdefault("4XX", refused)
        app.openapi_schema = schema
    return app.openapi_schema
