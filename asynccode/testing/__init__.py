"""Public tools for testing: fakes that are real backends, and the conformance checks."""
