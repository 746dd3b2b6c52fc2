"""The HTTP doors to what there is to do, across the plans of an organisation."""
