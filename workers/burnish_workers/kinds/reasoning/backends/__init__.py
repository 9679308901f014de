"""Base laws by name."""
