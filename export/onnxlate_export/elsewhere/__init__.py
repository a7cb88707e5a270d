"""Export elsewhere: our models for other people's engines."""
