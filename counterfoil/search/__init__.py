"""Search: text -> tree -> SQL -> text; see `grammar` for what may be said."""
