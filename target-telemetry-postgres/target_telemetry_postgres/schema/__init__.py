"""What a SCHEMA message means: columns, validation, and how records are decoded."""
