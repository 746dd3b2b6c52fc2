"""The one use case: a contribution comes in, a receipt goes out."""
