"""What tables there are, what a stream changes in them, and how one replaces another."""
