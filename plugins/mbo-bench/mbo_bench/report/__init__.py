"""Tables and charts of a bench."""
