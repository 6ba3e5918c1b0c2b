"""Rebuild the shipped files and the documentation's images."""
