"""GPU memory of serving and of fine-tuning."""
