"""Policies of routing: decision tables that people edit, what they answer, and how they are compared."""
