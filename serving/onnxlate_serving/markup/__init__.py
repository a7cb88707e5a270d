"""Texts with marks in them, HTML and Markdown: what people read is translated, and the
marks stay."""
