"""Damaged and hostile inputs, and what the zoo makes of them: see `scripts/fuzz.py`."""
