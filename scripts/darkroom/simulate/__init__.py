"""Seeded truth: raw files as an archive would deliver them, and what is hidden in them."""
