"""What a record of the audit is; pure."""
