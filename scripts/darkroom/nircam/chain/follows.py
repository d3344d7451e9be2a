"""What the engine follows. Standard library only."""

from __future__ import annotations

#: The versions whose numbers the engine gives, bit for bit.
FOLLOWS = {"jwst": "3.0.0", "stcal": "1.20.0"}
#: The same in words, as headers and messages have them.
VERSIONS = ", ".join(f"{name} {version}" for name, version in FOLLOWS.items())
#: What a person does when the engine refuses.
ADVICE = "use engine: jwst"
