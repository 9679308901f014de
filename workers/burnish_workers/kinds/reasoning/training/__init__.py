"""How the small language models of this kind are trained, with their value heads. Imports torch and transformers."""
