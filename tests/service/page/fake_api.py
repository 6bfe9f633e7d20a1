"""Known answers in place of the service's, by Playwright's routes: numbers that a test can work out by hand.

Up to three models: an LSTM, a GRU, a plain RNN. Tokens are words and full stops. A text with "Mary" before the blank
gets P(she) 0.9 from every model, else 0.2; a clamp makes it 0.5. Several blanks together are most probably all he.
Units are numbered 0, 10, 20, 30; unit 10 u stands at token t at (t + u) / 100, or at the value it is clamped to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page, Route

LSTM = ("input_gate", "forget_gate", "cell_candidate", "output_gate", "cell_state", "hidden_state")
GRU = ("reset_gate", "update_gate", "candidate", "hidden_state")
CELLS = {"a-lstm": ("lstm", LSTM), "b-gru": ("gru", GRU), "c-rnn": ("rnn", ("hidden_state",))}


@dataclass
class FakeApi:
    """Answers /v1/... for one browser page. `failures`: path -> (status, error) to refuse with; `asked`: the bodies."""

    names: tuple[str, ...] = ("a-lstm", "b-gru")
    failures: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    refused_fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused_status: int = 400
    warnings: list[dict[str, Any]] = field(default_factory=list)
    """Of every answer of /v1/cloze."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    held: list[Route] = field(default_factory=list)
    holds: Callable[[dict[str, Any]], bool] = lambda asked: False
    """Which requests to keep unanswered in `held`."""

    def serve(self, page: Page) -> None:
        page.route("**/v1/**", self._answer)

    def asked_of(self, path: str) -> list[dict[str, Any]]:
        return [body for body in self.asked if body["path"] == path]

    def _answer(self, route: Route) -> None:
        path = "/v1/" + route.request.url.partition("/v1/")[2]
        body = json.loads(route.request.post_data or "{}")
        self.asked.append({"path": path, **body})
        if self.holds(self.asked[-1]):
            self.held.append(route)
            return
        self.fulfil(route)

    def release(self) -> None:
        """Answer what is held, and hold no more."""
        self.holds = lambda asked: False
        while self.held:
            self.fulfil(self.held.pop())

    def fulfil(self, route: Route) -> None:
        """Answer one request."""
        path = "/v1/" + route.request.url.partition("/v1/")[2]
        body = json.loads(route.request.post_data or "{}")
        status, answer = self.failures.get(path, (200, None))
        for name, error in self.refused_fields.items():
            if body.get(name):
                status, answer = self.refused_status, error
        if status != 200:
            route.fulfill(status=status, json={"error": answer})
        elif path == "/v1/models":
            route.fulfill(json={"object": "list", "data": [self._model(name) for name in self.names]})
        elif path.startswith("/v1/models/"):
            name = path.rpartition("/")[2]
            card = self._model(name) | {"pairs": [["he", "she"]], "gender_units": {"layer1.forward": [10, 0]}}
            route.fulfill(json=card)
        elif path == "/v1/cloze" and "___" not in body["text"]:
            route.fulfill(
                status=422, json={"error": refusal("the text has no blank; write ___", "invalid_blank", "text")}
            )
        elif path == "/v1/belief":
            route.fulfill(json=belief(body))
        else:
            reply = cloze(body)
            reply["results"][0]["warnings"] = self.warnings
            route.fulfill(json=reply)

    def _model(self, name: str) -> dict[str, Any]:
        network = {"n_layers": 2, "direction": "bidirectional", "hidden_size": 40, "cell": CELLS[name][0]}
        return {"id": name, "object": "model", "default": name == "a-lstm", "network": network, "tokenizer": "word"}


def is_cloze(asked: dict[str, Any]) -> bool:
    return asked["path"] == "/v1/cloze"


def refusal(message: str, code: str = "x", param: str | None = None) -> dict[str, Any]:
    """What stands under `error` in the service's refusals."""
    return {"type": "invalid_request_error", "message": message, "param": param, "code": code}


def tokens_of(text: str) -> list[dict[str, Any]]:
    """Words and other characters, between <s> and </s>."""
    words = [
        {"text": found[0], "start": found.start(), "end": found.end()} for found in re.finditer(r"\w+|[^\w\s]", text)
    ]
    end = len(text)
    return [{"text": "<s>", "start": 0, "end": 0}, *words, {"text": "</s>", "start": end, "end": end}]


def value_at(token: int, unit: int) -> float:
    return (token + unit / 10) / 100


def evidence_at(token: int) -> float:
    """Towards he at the even tokens, towards she at the odd ones."""
    return round((-1) ** token * (0.5 + token / 10), 3)


def belief_at(token: int) -> float:
    return round(0.9 - 0.1 * (token % 8), 3)


def cloze(body: dict[str, Any]) -> dict[str, Any]:
    """The reply of POST /v1/cloze."""
    text = body["text"]
    clamps = body.get("interventions") or []
    before = [(blank.start(), 0.9 if "Mary" in text[: blank.start()] else 0.2) for blank in re.finditer("___", text)]
    after = [_blank(start, 0.5 if clamps else p_she) for start, p_she in before]
    together = ["he"] * len(after) if len(after) > 1 else [after[0]["predictions"][0]["filled"]]
    words = iter(together)
    tokens = [token | ({"text": next(words)} if token["text"] == "___" else {}) for token in tokens_of(text)]
    result: dict[str, Any] = {"text": text, "temperature": 1.0, "warnings": [], "blanks": after}
    result |= {"joint": None, "joint_kind": None, "trace": None, "evidence": None, "without_interventions": None}
    if len(after) > 1:
        result |= {"joint": [{"filled": together, "probability": 0.4}], "joint_kind": "exact"}
    if clamps:
        result["without_interventions"] = [_blank(*one) for one in before]
    if trace := body.get("trace"):
        site, count = trace["sites"][0], int(trace["units"].partition(":")[2])
        units = [10 * unit for unit in range(min(count, 4))]
        values = [[value_at(token, unit) for unit in units] for token in range(len(tokens))]
        for clamp in clamps:
            first, last = clamp["tokens"]
            for token in range(first, last + 1):
                for column, unit in enumerate(units):
                    is_unit = clamp["units"] == "all" or unit in clamp["units"]
                    if clamp["site"] == site and is_unit and "set" in clamp:
                        values[token][column] = clamp["set"]
        result["trace"] = {"tokens": tokens, "sites": {site: {"units": units, "values": values}}}
    if body.get("evidence"):
        result["evidence"] = [
            token | {"log_odds_change": evidence_at(place)}
            for place, token in enumerate(tokens)
            if token["end"] > token["start"]
        ]
    return {"model": body["model"], "results": [result]}


def _blank(start: int, p_she: float) -> dict[str, Any]:
    both = [("she", p_she), ("he", round(1 - p_she, 6))]
    predictions = [
        {"target": word, "filled": word, "probability": p, "log_probability": -1.0, "pieces": [word]}
        for word, p in sorted(both, key=lambda one: -one[1])
    ]
    return {"start": start, "end": start + 3, "predictions": predictions}


def belief(body: dict[str, Any]) -> dict[str, Any]:
    """The reply of POST /v1/belief."""
    tokens = [
        token | {"probability": belief_at(place), "provisional": False}
        for place, token in enumerate(tokens_of(body["text"]))
        if token["end"] > token["start"]
    ]
    return {"model": body["model"], "tokens": tokens, "state": "opaque"}
