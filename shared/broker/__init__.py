"""The broker's door: how a client comes in, what each user may do there, and who gives that out."""
