"""The networks: plain torch modules."""
