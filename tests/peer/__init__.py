"""A Studio of its own, written from docs/PROTOCOL.md and protocol/schemas."""
