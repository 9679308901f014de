"""Statistics that every kind of job shares: numpy and scipy only, no I/O, every function pure."""
