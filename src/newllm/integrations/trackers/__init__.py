"""Experiment trackers: TensorBoard, MLflow, W&B, trackio. Each runs in a process of its own, see `process`."""
