"""Media: pictures, sound, films and documents, kept as bytes beside the entries that name them."""
