"""The search language of the audit: a text of qualifiers becomes one statement."""
