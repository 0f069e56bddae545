"""The processes: RQ worker, scheduler, supervisor."""

PART_OF = "counterfoil"
