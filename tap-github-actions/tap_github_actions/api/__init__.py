"""Talking to GitHub: requests, tokens, limits, pages and what answers mean."""
