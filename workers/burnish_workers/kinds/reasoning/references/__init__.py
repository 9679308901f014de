"""Exact answers, for tests and benchmarks alone: no part of the product may look at them."""
