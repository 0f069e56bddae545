"""Roles: what a person may do. Each includes the ones before it."""

PUBLIC = "public"
VIEWER = "viewer"
OPERATOR = "operator"
ADMIN = "admin"

ROLES = (VIEWER, OPERATOR, ADMIN)
"""What a user can be given; `public` is no role but says that a route asks for none."""

_RANK = {PUBLIC: 0, VIEWER: 1, OPERATOR: 2, ADMIN: 3}


def includes(role: str, needed: str) -> bool:
    """Whether this role may do what asks for `needed`. Raises KeyError for a word that is no role."""
    return _RANK[role] >= _RANK[needed]
