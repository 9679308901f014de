"""pi_ref behind an OpenAI-compatible server: vLLM, SGLang, transformers serve, and others."""
