"""A group of commands."""

from __future__ import annotations

from typing import Any

import click

from mbo_core.errors import RecipeError, nearest


class Commands(click.Group):
    """A group that suggests the nearest command for a mistyped one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command, or say which is nearest."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise RecipeError(f'there is no command "{args[0]}"', nearest(args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)
