"""What plans are found by of whom only the person is known."""
