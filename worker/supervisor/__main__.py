"""The supervisor as a process of its own, run by location: `python .../supervisor/__main__.py OPTIONS`.

It lives as long as everything else and does little, so it carries nothing but the standard library: neither
SQLAlchemy nor the application. OPTIONS are `Options` as JSON.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path

WORKER = Path(__file__).resolve().parents[1]
ALIAS = "counterfoil_worker"


def main() -> int:
    """Runs until told to stop; the exit code, with one line on standard error when it could not start."""
    # The script's own folder: its modules are none of the path's.
    sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != WORKER / "supervisor"]
    spec = importlib.util.spec_from_file_location(
        ALIAS, WORKER / "__init__.py", submodule_search_locations=[str(WORKER)]
    )
    assert spec
    assert spec.loader
    sys.modules[ALIAS] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[ALIAS])
    run = importlib.import_module(f"{ALIAS}.supervisor.run")
    refusals = importlib.import_module(f"{ALIAS}.supervisor.refusals")
    children = importlib.import_module(f"{ALIAS}.supervisor.children")
    try:
        return int(run.up(children.Options(**json.loads(sys.argv[1]))))
    except refusals.CannotStart as refused:
        print(f"counterfoil: {refused}", file=sys.stderr)
        return int(refused.exit_code)


if __name__ == "__main__":
    sys.exit(main())
