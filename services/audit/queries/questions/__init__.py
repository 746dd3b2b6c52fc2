"""The catalogue: questions that auditors ask by name, each with its parameters and its rows."""
