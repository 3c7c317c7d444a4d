"""What calls cost, and pricing them again."""
