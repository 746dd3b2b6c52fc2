"""Forms that come in and go out; nothing here does I/O."""
