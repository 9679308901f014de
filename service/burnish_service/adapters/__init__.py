"""The wire of OpenAI's API over jobs of kind `reasoning`: pure functions between the two, no I/O."""
