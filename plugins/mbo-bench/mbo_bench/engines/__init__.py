"""How cells are run: each in a process of its own."""
