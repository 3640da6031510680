"""A second implementation of the specification, to check the golden model's answers bit for bit."""
