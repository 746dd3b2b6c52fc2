"""The about_me service."""
