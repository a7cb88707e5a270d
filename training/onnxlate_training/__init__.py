"""Training: parallel text in, a checkpoint out. The only component that learns."""
