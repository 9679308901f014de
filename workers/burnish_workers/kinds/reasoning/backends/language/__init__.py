"""Causal language models that run in the workers. `directory`, `registered` and `setup` are torch-free."""
