"""Values and rules. Knows the standard library and numpy, and nothing else."""
