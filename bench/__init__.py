"""What derivatives cost: ``python -m bench``."""
