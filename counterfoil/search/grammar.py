"""The grammar of a search: fields, quotes, and/or/not (and is implied), brackets; bounded in every direction.

    search = either;  either = both { "or" both };  both = single { [ "and" ] single }
    single = "not" single | "(" either ")" | field ":" [ "<" | "<=" | ">" | ">=" ] value | text

`not` binds closer than `and`, `and` closer than `or`. Source: the usual boolean grammar of web search boxes,
read by recursive descent.
"""

from functools import lru_cache

from .complaint import SearchError
from .fields import FIELDS, checked, is_key
from .tokens import Token, tokens
from .tree import And, Node, Not, Or, Term, quoted

MOST_CHARACTERS = 500
MOST_TERMS = 20
MOST_DEPTH = 8


@lru_cache(maxsize=256)
def parse(text: str) -> Node:
    """The tree of a search. Raises SearchError, which names the place and the cure."""
    if len(text) > MOST_CHARACTERS:
        raise SearchError(
            text,
            MOST_CHARACTERS,
            len(text),
            f"too long: at most {MOST_CHARACTERS} characters, it has {len(text)}",
        )
    return _Reader(text).whole()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(tokens(text))
        self.at = 0
        self.terms = 0

    def whole(self) -> Node:
        found = self._either(0)
        if self._now.kind != "end":
            raise self._error('this bracket closes nothing: remove it, or write "(" before', self._now)
        return found

    @property
    def _now(self) -> Token:
        return self.tokens[self.at]

    def _either(self, depth: int) -> Node:
        parts = [self._both(depth)]
        while self._now.kind == "or":
            self.at += 1
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Or(_flat(Or, parts))

    def _both(self, depth: int) -> Node:
        parts = [self._single(depth)]
        while self._now.kind in ("and", "not", "(", "term"):
            if self._now.kind == "and":
                self.at += 1
            parts.append(self._single(depth))
        return parts[0] if len(parts) == 1 else And(_flat(And, parts))

    def _single(self, depth: int) -> Node:
        token = self._now
        if depth >= MOST_DEPTH and token.kind in ("not", "("):
            raise self._error(f"nested too deeply: at most {MOST_DEPTH} of brackets and not", token)
        self.at += 1
        if token.kind == "not":
            return Not(self._single(depth + 1))
        if token.kind == "(":
            found = self._either(depth + 1)
            if self._now.kind != ")":
                raise self._error('this bracket is not closed: add a ")"', token)
            self.at += 1
            return found
        if token.kind != "term":
            raise self._error(self._missing(token), token)
        self.terms += 1
        if self.terms > MOST_TERMS:
            raise self._error(f"too many conditions: at most {MOST_TERMS}", token)
        return self._term(token)

    def _missing(self, token: Token) -> str:
        if token.kind == "end":
            return "something to look for is missing at the end"
        shown = quoted(token.kind, bare=True)
        return f"a condition must stand before {token.kind!r}; to look for the word itself write {shown}"

    def _term(self, token: Token) -> Term:
        name, key, value = token.field, token.key, token.value
        if not name:
            return Term("", value, start=token.start, end=token.end)
        if name == "param":
            if not is_key(key):
                raise self._error("say which param: param.order_id:42", token)
        elif name not in FIELDS or key is not None:
            raise self._error(self._unknown(token), token)
        found, cure = checked(name, value, token.op)
        if found is None:
            raise self._error(cure, token)
        return Term(name, found, token.op, key or "", token.start, token.end)

    def _unknown(self, token: Token) -> str:
        whole = self.text[token.start : token.end]
        return (
            f"there is no field {whole.partition(':')[0]!r}; there are {', '.join(FIELDS)}, param.<name>. To "
            f"look for the text itself write {quoted(whole.replace(chr(34), ''), bare=True)}"
        )

    def _error(self, cure: str, token: Token) -> SearchError:
        return SearchError(self.text, token.start, token.end, cure)


def _flat(sort: type[And] | type[Or], parts: list[Node]) -> tuple[Node, ...]:
    """Without brackets that change nothing."""
    found: list[Node] = []
    for part in parts:
        found += part.parts if isinstance(part, sort) else [part]
    return tuple(found)
