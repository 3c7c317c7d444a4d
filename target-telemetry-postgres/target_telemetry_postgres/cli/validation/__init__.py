"""How good the estimates of output tokens were, and how good another estimator would have been."""
