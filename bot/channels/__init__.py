"""Channels: each translates between one medium and the one door; the website is the first."""
