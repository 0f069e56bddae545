"""The supervisor: starts what Counterfoil needs, shows its logs, starts again what dies, stops cleanly.

For one machine: a developer's, a demonstration, a small installation. It cannot replace systemd or a
container's orchestrator: it does not outlive a reboot and limits no resources.
"""
