"""Bytes to rows: encodings, delimiters, quotes, and lines that are broken."""
