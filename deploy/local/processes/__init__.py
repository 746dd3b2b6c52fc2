"""Child processes: how they are kept running, what they print, and why a start fails."""
