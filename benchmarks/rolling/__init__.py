"""Servers replaced as Kubernetes replaces pods, under callers of every kind."""
