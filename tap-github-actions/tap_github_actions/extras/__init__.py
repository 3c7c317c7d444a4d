"""What needs more than `actions: read`: pull requests, deployments, billed usage."""
