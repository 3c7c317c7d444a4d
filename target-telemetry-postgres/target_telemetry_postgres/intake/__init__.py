"""Bytes to messages, messages to their handlers, records to the sink of their stream."""
