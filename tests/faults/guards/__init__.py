"""Services with one guard left out, to see that the judge notices; never part of the product."""
