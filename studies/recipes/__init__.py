"""How the ready models are made."""
