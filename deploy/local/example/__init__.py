"""The example plan, and how it is loaded over HTTP."""
