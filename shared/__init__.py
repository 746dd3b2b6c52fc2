"""What every service stands on: words, machinery, contracts, tests, the command line."""
