"""OpenAI's list of models, with the structure of each network beside what their clients read."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from model.sites import all_sites
from service.replies import ModelCard, ModelList
from service.store import ServedModel, Store

router = APIRouter(tags=["models"])


@router.get("/v1/models", summary="The served models", responses={200: {"model": ModelList}})
async def list_models(request: Request) -> dict[str, Any]:
    """In OpenAI's shape, sorted by name. Empty until the models are loaded."""
    store: Store = request.app.state.store
    return {"object": "list", "data": [card_of(store, served) for served in store.models.values()]}


@router.get("/v1/models/{name}", summary="One served model", responses={200: {"model": ModelCard}})
async def show_model(request: Request, name: str) -> dict[str, Any]:
    """The card of the list, with the network's sites, its units that carry gender, pronoun pairs, training, scores."""
    store: Store = request.app.state.store
    served = store.find(name)
    bundle = served.language_model.bundle
    return card_of(store, served) | {
        "sites": [str(site) for site in all_sites(bundle.network)],
        "gender_units": bundle.gender_units,
        "pairs": bundle.pairs,
        "objective": bundle.metadata["objective"],
        "metrics": bundle.metadata["metrics"],
        "provenance": bundle.metadata["provenance"],
        "card": bundle.card,
    }


def card_of(store: Store, served: ServedModel) -> dict[str, Any]:
    """What the list says about one model."""
    bundle = served.language_model.bundle
    return {
        "id": served.name,
        "object": "model",
        "created": served.loaded_at,
        "owned_by": "anaphora",
        "default": served is store.default,
        "sha256": bundle.sha256,
        "network": bundle.network.to_json(),
        "tokenizer": bundle.tokenizer.kind,
    }
