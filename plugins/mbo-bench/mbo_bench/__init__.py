"""Many recipes, tasks and seeds, by a command that can be repeated until all is done."""
