"""Looks answers over before they are given, and says what is doubtful about them."""
