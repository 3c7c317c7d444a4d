"""Ids for what GitHub gives none: the same thing has the same id in every sync."""

from __future__ import annotations

import hashlib
import uuid


def made_id(kind: str, *parts: object) -> str:
    """Return an id made of what tells a thing from all others, for what GitHub gives none."""
    text = "".join(f"{len(str(part))}:{part}" for part in parts)
    digest = hashlib.blake2b(text.encode(), digest_size=16, person=kind.encode()).digest()
    return str(uuid.UUID(bytes=digest, version=5))
