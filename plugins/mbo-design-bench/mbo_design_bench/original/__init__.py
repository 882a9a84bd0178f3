"""The tasks of an installed `design_bench`, as `design_bench:<its id>`: its data, its normalisation, its oracle."""
