"""How many replicas a load takes: costs measured, a model, a simulation, a check."""
