"""What `import ganctl` offers in Python: pictures, generators and training, below the commands."""
