"""Commands that look after the services of a stack."""
