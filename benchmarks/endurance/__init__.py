"""What a server bears: nonsense, cancels by the thousand, crowds, deaths beside it."""
