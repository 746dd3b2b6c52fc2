"""Commands that ask the services of a running stack."""
