"""The example plan, and how it is loaded through the HTTP doors."""
