"""Kinds of task, one a file or folder."""
