"""The pages: one file each, thin views over the core's verbs."""
