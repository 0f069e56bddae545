"""Extensions for hosts' frameworks; each imports its framework, the core does not."""
