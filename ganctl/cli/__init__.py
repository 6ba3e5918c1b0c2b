"""What a person types and sees: the only code that knows the terminal."""
