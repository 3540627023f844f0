"""Rasa graph components, one file each; the only place where understanding is learned."""
