"""Import: a model from Hugging Face in, what `export_bundle` takes out."""
