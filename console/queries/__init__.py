"""Everything that the console reads, in one folder; nothing here writes."""
