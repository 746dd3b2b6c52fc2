"""The machinery every service runs on; it knows no section."""
