"""The routes of the screens; each asks an API, has the answer laid out, and renders it."""
