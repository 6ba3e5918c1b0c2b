"""What trained runs leave behind, read without torch: figures, curves, films and pages."""
