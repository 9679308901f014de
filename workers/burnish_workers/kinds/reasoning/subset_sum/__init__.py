"""A small task with real learned errors: choose numbers that add up to a target, two decisions in a step."""
