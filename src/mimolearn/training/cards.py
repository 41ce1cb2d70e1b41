"""What a card keeps of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def without_folders(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe for a card that may travel: of recorded channels the name of the file alone.

    Their digest stays, by which the file is known again.

    Args:
        recipe: plain values, which are changed.

    >>> link = {"channel": {"model": "recorded", "path": "/home/me/h.npy"}}
    >>> without_folders({"scenario": link})["scenario"]["channel"]["path"]
    'h.npy'
    """
    links = [recipe["scenario"], *(share["scenario"] for share in recipe.get("also", []))]
    for link in links:
        channel = link.get("channel", {})
        if "path" in channel:
            channel["path"] = Path(channel["path"]).name
    return recipe
