"""Plain texts of any length: their sentences translated, all between as it was."""
