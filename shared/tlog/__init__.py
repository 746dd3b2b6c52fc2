"""The formats of a transparency log: RFC 6962 trees, and tiles, notes and proofs as C2SP has them.

Pure and small: no module here opens a file or a connection, or knows what a leaf says.
"""
