"""Budgets and anomalies: rules, what they look at, and what is said when one is broken."""
