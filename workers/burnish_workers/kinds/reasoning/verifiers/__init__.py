"""Values of prefixes by name."""
