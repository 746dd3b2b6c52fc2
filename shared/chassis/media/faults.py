"""What can be wrong with a store of media."""


class BlobGone(Exception):
    """The store has no such bytes, or fewer than it was given."""


class StoreAway(Exception):
    """The store cannot be reached, or takes nothing at the moment."""
