"""Singer tap for GitHub Actions: every run, attempt, job and step, incrementally."""
