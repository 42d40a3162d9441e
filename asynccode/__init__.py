"""asynccode: interactive coding episodes, thousands at once."""
