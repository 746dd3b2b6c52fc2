"""What the audit keeps."""
