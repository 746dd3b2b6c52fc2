"""What the audit is asked: SQL and answers; nothing here changes anything."""
