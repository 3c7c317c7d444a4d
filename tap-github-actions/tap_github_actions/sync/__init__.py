"""One run of the tap: which repositories, in which order, and how far it has come."""
