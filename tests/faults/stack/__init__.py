"""The stack under test, and all that can be done to it from outside."""
