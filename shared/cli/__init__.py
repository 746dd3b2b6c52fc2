"""The command `careplan`: it talks to the doors and never imports a service."""
