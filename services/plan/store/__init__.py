"""What the plan keeps."""
