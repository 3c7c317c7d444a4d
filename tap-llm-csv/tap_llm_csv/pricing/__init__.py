"""What a call costs: models, prices, and how they are compiled."""
