"""Whether documents come back from a model that copies as they went in."""
