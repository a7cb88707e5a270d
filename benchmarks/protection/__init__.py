"""How well what is not to be translated survives, and what that costs the rest."""
