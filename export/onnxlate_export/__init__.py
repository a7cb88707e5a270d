"""Export: a checkpoint in, a bundle out; and pictures and tables of both."""
