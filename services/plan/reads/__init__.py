"""What the plan answers; nothing is changed."""
