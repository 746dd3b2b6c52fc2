"""What an event must say: as it is published, and by the rules of each command."""
