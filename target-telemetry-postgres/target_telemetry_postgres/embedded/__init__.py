"""The server that starts by itself where none is configured."""
