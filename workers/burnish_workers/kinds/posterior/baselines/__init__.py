"""Published methods in the form of islands, for comparison; see `published`. Imports torch."""
