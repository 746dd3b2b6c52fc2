"""What `curl` can do with a plan, as commands: contribute, show, history, and proving a client."""
