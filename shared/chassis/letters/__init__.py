"""Dead letters as an operator tends them: listed, looked at, and retried, returned or discarded."""
