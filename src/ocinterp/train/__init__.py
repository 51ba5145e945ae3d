"""Training: from trajectories to a model."""
