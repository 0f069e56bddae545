"""The operations console: pages, JSON API, live stream, sign-in."""

PART_OF = "counterfoil"
