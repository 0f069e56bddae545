"""What is left of a search where the state of its tickets is known: a walk over one state need not ask it."""

from .tree import And, Node, Not, Or, Term


def of_state(node: Node, state: str) -> Node | bool:
    """The search of tickets in this state; True if all of them fulfil it, False if none does."""
    if isinstance(node, Term):
        return node.value == state if node.field == "state" and not node.op else node
    if isinstance(node, Not):
        part = of_state(node.part, state)
        return not part if isinstance(part, bool) else Not(part)
    decides = isinstance(node, Or)  # one True makes an "or" true, one False an "and" false
    left: list[Node] = []
    for each in node.parts:
        part = of_state(each, state)
        if isinstance(part, bool):
            if part is decides:
                return decides
        else:
            left.append(part)
    if len(left) < 2:
        return left[0] if left else not decides
    return Or(tuple(left)) if decides else And(tuple(left))
