"""`python -m counterfoil.cli`: how the supervisor starts its children."""

from . import main

if __name__ == "__main__":
    main(prog_name="counterfoil")
