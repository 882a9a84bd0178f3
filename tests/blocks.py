"""The README's blocks, which tests carry out."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    """All blocks of a language, in order."""
    return [text for of, text in BLOCKS if of == language]


def named_files() -> dict[str, str]:
    """Blocks whose first line is a comment with a file's name."""
    named = [(re.match(r"# (\S+\.(?:toml|py|csv))\n", text), text) for _, text in BLOCKS]
    return {name[1]: text.removeprefix(name[0]) for name, text in named if name}
