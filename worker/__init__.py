"""The processes: RQ worker, scheduler, supervisor."""
