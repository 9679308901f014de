"""Kind `reasoning`: sample chains of reasoning steps from a model's law tilted by a verifier."""
