"""The examples of every section: played, held against what they say, and written down."""
