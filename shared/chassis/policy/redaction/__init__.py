"""What readers are not shown, and why."""
