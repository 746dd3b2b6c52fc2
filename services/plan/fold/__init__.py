"""What the plan is after an event; pure."""
