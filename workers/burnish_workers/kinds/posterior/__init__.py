"""Kind `posterior`: unbiased posterior samples from a pretrained diffusion model."""
