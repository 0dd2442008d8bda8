"""A small shop whose documents can be asked for: a title, a describing text, nothing else."""

from __future__ import annotations

from typing import Any


def shop(count: int, **more: Any) -> list[dict[str, Any]]:
    """Documents of a shop, without kinds or parents."""
    colours = ["red", "green", "blue", "brown", "black", "white"]
    goods = ["boot", "sandal", "jacket", "trouser", "umbrella", "lantern", "kettle", "rucksack"]
    uses = ["rain", "snow", "heat", "wind", "night", "office", "travel", "cooking", "reading"]
    return [
        {
            "document_id": f"d{n:03d}",
            "title": f"{colours[n % 6]} {goods[n % 8]} model{n}",
            "text": f"A {goods[n % 8]} for {uses[n % 9]} and {uses[(n // 9) % 9]}, number{n}"
            f" made of material{n % 17}. Much more could be said.",
            **more,
        }
        for n in range(count)
    ]
