"""Exact answers for tests and benchmarks. What is computed for users never imports this package."""
