"""A cell: one recipe on one task with a few seeds."""
