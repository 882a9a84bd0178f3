"""Recipes: from TOML to five stages that fit together."""
