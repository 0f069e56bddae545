"""What is said of a filter or a search that makes no sense: the thing, where it stands, the cure."""


class FilterError(ValueError):
    """A filter that makes no sense; names the field, the value and the cure."""

    def __init__(self, field: str, value: str, cure: str) -> None:
        self.field = field
        super().__init__(f"{field}={value[:80]!r}: {cure}")


class SearchError(FilterError):
    """A search that cannot be read; `start` and `end` (characters, from 0) say which part of `text`."""

    def __init__(self, text: str, start: int, end: int, cure: str) -> None:
        self.text, self.start, self.end, self.cure = text, start, max(end, start), cure
        self.field = "q"
        ValueError.__init__(self, f"q={text[:80]!r}: at character {start + 1}: {cure}")
