"""Measurements that cannot flatter: ganctl against what one would type without it, side by side."""
