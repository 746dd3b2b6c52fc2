"""The command `careplan`: it uses HTTP and never imports a service."""
