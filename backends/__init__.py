"""Isolation technologies, one a file."""
