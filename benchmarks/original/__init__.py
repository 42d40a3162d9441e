"""The original InterCode, run where a user can run it: beside ours, in the same minutes.

environment     the public package, in a virtual environment of its own
player          what runs in there: episodes one after the other, each turn scored
"""
