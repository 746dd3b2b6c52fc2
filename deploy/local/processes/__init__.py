"""What is kept running: child processes, what they print, and why a start is given up."""
