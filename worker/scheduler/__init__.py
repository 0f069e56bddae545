"""The scheduler: one duty per word, each in a file of its own, each admitting its limits.

Any number of schedulers may run; the leader row elects the one that acts, and every duty is still correct if
two act. It is never itself a ticket and never runs the application's code.
"""
