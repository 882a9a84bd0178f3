"""The registry: hooks, discovery, and what plugins offer."""
