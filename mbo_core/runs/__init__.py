"""Runs: from a recipe, a task and seeds to a result."""
